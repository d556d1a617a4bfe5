/** Types of a hot statement's parameters. Arrays travel in PostgreSQL's binary format; the others as they are. */
export type ParameterType = keyof typeof ELEMENTS | 'bigint' | 'integer' | 'text' | 'uuid' | 'numeric[]';

interface ElementCodec {
  /** PostgreSQL's object id of the element's type (pg_type.dat). */
  readonly oid: number;
  /** Writes one value at `offset`, where there is room for it, and answers where it ends. */
  readonly write: (value: never, offset: number) => number;
  /** No value needs more. */
  readonly sizeOf: (value: never) => number;
}

const LENGTH_BYTES = 4;
const HEADER_BYTES = 20;
const UNIX_TO_POSTGRES_EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 4_294_967_296;
const INITIAL_BYTES = 65_536;
const MAX_KEPT_BYTES = 4_194_304;
const DASH = 45;

/** Every array is put together here, then copied out, so that its size need not be known before. */
let scratch = Buffer.allocUnsafe(INITIAL_BYTES);

/** The format of each element: the `_recv` functions of PostgreSQL's `src/backend/utils/adt`. */
const ELEMENTS = {
  'text[]': { oid: 25, write: writeText, sizeOf: (value: string) => (value.length ?? 0) * 3 },
  /** Of 36 characters each, with dashes. */
  'uuid[]': { oid: 2950, write: writeUuid, sizeOf: () => 16 },
  'smallint[]': { oid: 21, write: writeSmallint, sizeOf: () => 2 },
  'integer[]': { oid: 23, write: writeInteger, sizeOf: () => 4 },
  /** Safe integers, or strings of digits. */
  'bigint[]': { oid: 20, write: writeBigint, sizeOf: () => 8 },
  'boolean[]': { oid: 16, write: writeBoolean, sizeOf: () => 1 },
  /** Milliseconds since 1970. */
  'timestamptz[]': { oid: 1184, write: writeTimestamp, sizeOf: () => 8 },
  'bytea[]': { oid: 17, write: writeBytes, sizeOf: (value: Buffer) => value.length ?? 0 },
} as const satisfies Record<string, ElementCodec>;

/**
 * The values of a statement as `pg` takes them. As text, an array of 500 would be escaped element by element here and
 * parsed character by character there, which for publishing and settling costs more than the rest of the call.
 * @throws UnencodableValueError when a value is not of its type
 */
export function encodeParameters(types: readonly ParameterType[], values: readonly unknown[]): unknown[] {
  if (scratch.length > MAX_KEPT_BYTES) scratch = Buffer.allocUnsafe(INITIAL_BYTES);
  return values.map((value, index) => {
    const element = (ELEMENTS as Partial<Record<ParameterType, ElementCodec>>)[types[index]!];
    return element === undefined ? value : encodeArray(element, value as readonly unknown[]);
  });
}

/** `$1::uuid[], $2::text[], …` */
export function parameterList(types: readonly ParameterType[]): string {
  return types.map((type, index) => `$${index + 1}::${type}`).join(', ');
}

function encodeArray({ oid, write, sizeOf }: ElementCodec, values: readonly unknown[]): Buffer {
  let hasNull = 0;
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null || value === undefined) {
      ensureRoom(at + LENGTH_BYTES);
      at = scratch.writeInt32BE(-1, at);
      hasNull = 1;
      continue;
    }
    ensureRoom(at + LENGTH_BYTES + sizeOf(value as never));
    const end = write(value as never, at + LENGTH_BYTES);
    scratch.writeInt32BE(end - at - LENGTH_BYTES, at);
    at = end;
  }
  // Dimensions, whether there are nulls, type, length, lower bound; an empty array has no dimension.
  scratch.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  scratch.writeInt32BE(hasNull, 4);
  scratch.writeInt32BE(oid, 8);
  if (values.length === 0) return Buffer.from(scratch.subarray(0, 12));
  scratch.writeInt32BE(values.length, 12);
  scratch.writeInt32BE(1, 16);
  return Buffer.from(scratch.subarray(0, at));
}

function ensureRoom(bytes: number): void {
  if (bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafe(Math.max(bytes, scratch.length * 2));
  scratch.copy(larger);
  scratch = larger;
}

/** As PostgreSQL tells it of a value that it cannot take, so that only what has the value fails. */
export class UnencodableValueError extends Error {
  readonly code = '22P03';

  constructor(expected: string) {
    super(`A parameter has a value that is not ${expected}.`);
    this.name = 'UnencodableValueError';
  }
}

function expectThat(isRight: boolean, expected: string): void {
  if (!isRight) throw new UnencodableValueError(expected);
}

function writeText(value: string, at: number): number {
  expectThat(typeof value === 'string', 'a text');
  return at + scratch.write(value, at);
}

function writeBytes(value: Buffer, at: number): number {
  expectThat(Buffer.isBuffer(value), 'a buffer');
  return at + value.copy(scratch, at);
}

function writeBoolean(value: boolean, at: number): number {
  expectThat(typeof value === 'boolean', 'a boolean');
  return scratch.writeInt8(Number(value), at);
}

function writeSmallint(value: number, at: number): number {
  expectThat(Number.isInteger(value) && Math.abs(value + 0.5) < 32_768, 'an integer of 16 bits');
  return scratch.writeInt16BE(value, at);
}

function writeInteger(value: number, at: number): number {
  expectThat(Number.isInteger(value) && Math.abs(value + 0.5) < 2_147_483_648, 'an integer of 32 bits');
  return scratch.writeInt32BE(value, at);
}

function writeBigint(value: number | string, at: number): number {
  if (typeof value === 'string') {
    expectThat(/^-?\d{1,19}$/.test(value), 'an integer');
    const big = BigInt(value);
    expectThat(BigInt.asIntN(64, big) === big, 'an integer of 64 bits');
    return scratch.writeBigInt64BE(big, at);
  }
  expectThat(Number.isSafeInteger(value), 'a safe integer');
  const high = Math.floor(value / TWO_TO_32);
  return scratch.writeUInt32BE(value - high * TWO_TO_32, scratch.writeInt32BE(high, at));
}

function writeTimestamp(timeMs: number, at: number): number {
  expectThat(Number.isFinite(timeMs), 'a number of milliseconds');
  const sinceEpochUs = Math.round((timeMs - UNIX_TO_POSTGRES_EPOCH_MS) * 1_000);
  // Beyond the years 1715 to 2285 only whole milliseconds are exact.
  const isExact = Number.isSafeInteger(sinceEpochUs);
  return writeBigint(
    isExact ? sinceEpochUs : String(BigInt(Math.round(timeMs - UNIX_TO_POSTGRES_EPOCH_MS)) * 1_000n),
    at,
  );
}

function writeUuid(value: string, at: number): number {
  expectThat(typeof value === 'string' && value.length === 36, 'a uuid');
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      expectThat(value.charCodeAt(i) === DASH, 'a uuid');
      i += 1;
    }
    const byte = (hexDigit(value.charCodeAt(i)) << 4) | hexDigit(value.charCodeAt(i + 1));
    expectThat(byte >= 0, 'a uuid');
    scratch[at++] = byte;
  }
  return at;
}

/** Negative when it is none. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -256;
}
