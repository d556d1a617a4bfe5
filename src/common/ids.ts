import { randomFillSync } from 'node:crypto';
import { TypeID } from 'typeid-js';
import { AppError } from './app-error.js';

/** The kinds of object that have an id, by the prefix of their TypeIDs. */
export const ID_PREFIXES = {
  account: 'acct',
  apiKey: 'key',
  event: 'evt',
  log: 'log',
  endpoint: 'we',
  delivery: 'del',
  attempt: 'att',
  recovery: 'rec',
} as const;
export type IdPrefix = (typeof ID_PREFIXES)[keyof typeof ID_PREFIXES];

/** The account of rows that belong to the platform itself. */
export const NIL_ACCOUNT = '00000000-0000-0000-0000-000000000000';

/** A UUIDv7 (RFC 9562) for `timeMs`: 48 bits of time, 12 of `ordinal`, 62 random. */
export function newUuid(timeMs: number, ordinal = Math.floor(Math.random() * 4_096)): string {
  return uuidFrom(timeMs, uuidTail(ordinal));
}

/** The last 80 bits of a UUIDv7 as 20 hex digits: version, `ordinal` (0–4095), variant, 62 random bits. */
export function uuidTail(ordinal: number): string {
  if (randomOffset === randomPool.length) {
    randomFillSync(randomPool);
    randomOffset = 0;
  }
  const start = randomOffset;
  randomOffset += 8;
  randomPool[start] = (randomPool[start]! & 0x3f) | 0x80;
  return `7${ordinal.toString(16).padStart(3, '0')}${randomPool.toString('hex', start, randomOffset)}`;
}

/** Random bytes in stock: asking the generator for eight at a time costs more than the rest of an id. */
const randomPool = Buffer.allocUnsafe(8_192);
let randomOffset = randomPool.length;

/** The milliseconds since 1970 inside a UUIDv7. */
export function uuidTime(uuid: string): number {
  return parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/** The ordinal inside a UUIDv7 that `newUuid` or `uuidTail` made. */
export function uuidOrdinal(uuid: string): number {
  return parseInt(uuid.slice(15, 18), 16);
}

/** The smallest uuid whose time is `timeMs`: the bound that turns a filter on time into one on ids. */
export function firstUuidAt(timeMs: number): string {
  const time = Math.max(0, Math.min(timeMs, 0xffffffffffff)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/**
 * The TypeID of a uuid. Hot: written out here from the two halves below, and proven against the library in the spec.
 */
export function encodeId(prefix: IdPrefix, uuid: string): string {
  const hex = uuid.replaceAll('-', '');
  return `${prefix}_${typeIdTime(parseInt(hex.slice(0, 12), 16))}${typeIdTail(hex.slice(12))}`;
}

export function encodeIdOrNull(prefix: IdPrefix, uuid: string | null | undefined): string | null {
  return uuid ? encodeId(prefix, uuid) : null;
}

/**
 * The uuid inside a TypeID.
 * @throws AppError `invalid_input` naming `field` when the id is malformed or of another kind.
 */
export function decodeId(prefix: IdPrefix, id: string, field = 'id'): string {
  const uuid = tryDecodeId(prefix, id);
  if (uuid === null) {
    throw AppError.invalid([
      { field, code: 'invalid_id', message: `Use an id that starts with ${prefix}_, as this API gave it.` },
    ]);
  }
  return uuid;
}

/** The same, but null where that one throws. */
export function tryDecodeId(prefix: IdPrefix, id: unknown): string | null {
  if (typeof id !== 'string' || !new RegExp(`^${prefix}_[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$`).test(id)) return null;
  try {
    return TypeID.fromString(id).toUUID();
  } catch {
    // Of the right form, but 128 bits that are no UUID.
    return null;
  }
}

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * The first ten characters of a TypeID's suffix: exactly the 48 bits of time, five bits a character. With
 * `typeIdTail` it takes an id apart along the line between what is known early and what is known under a lock.
 */
export function typeIdTime(timeMs: number): string {
  let text = '';
  for (let rest = timeMs, i = 0; i < 10; i++) {
    text = BASE32[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The last sixteen characters of a TypeID's suffix for the last 80 bits of its uuid, given as 20 hex digits. */
export function typeIdTail(tailHex: string): string {
  let text = '';
  for (let i = 0; i < 20; i += 5) {
    const bits = parseInt(tailHex.slice(i, i + 5), 16);
    text += BASE32[bits >> 15]! + BASE32[(bits >> 10) & 31]! + BASE32[(bits >> 5) & 31]! + BASE32[bits & 31]!;
  }
  return text;
}

/** The uuid made of a time and the last 80 bits as 20 hex digits. */
export function uuidFrom(timeMs: number, tailHex: string): string {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${tailHex.slice(0, 4)}-${tailHex.slice(4, 8)}-${tailHex.slice(8)}`;
}
