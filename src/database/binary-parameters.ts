/** Types of values within arrays and columns of composite types; they travel in PostgreSQL's binary format. */
export type ScalarType = keyof typeof SCALARS;

/** A composite type of the schema that a function takes arrays of: its columns in their order. */
export interface CompositeType {
  /** Its name without the schema. */
  readonly composite: string;
  readonly columns: Readonly<Record<string, ScalarType>>;
}

/** Types of a hot statement's parameters. Arrays, of composites too, travel in binary; the others as they are. */
export type ParameterType = `${ScalarType}[]` | CompositeType | 'bigint' | 'integer' | 'text' | 'uuid';

/** A value of a composite type. Times are milliseconds since 1970, uuids have 36 characters. */
export type RowOf<Type extends CompositeType> = {
  readonly [Column in keyof Type['columns']]: ValueOf[Type['columns'][Column]] | null;
};

interface ValueOf {
  text: string;
  uuid: string;
  smallint: number;
  integer: number;
  /** A safe integer, or a string of digits. */
  bigint: number | string;
  boolean: boolean;
  timestamptz: number;
  bytea: Buffer;
}

/** The ids that PostgreSQL gave the composite types, by name: they differ from database to database. */
export type CompositeIds = ReadonlyMap<string, number>;

interface ScalarCodec {
  /** PostgreSQL's object id of the type (pg_type.dat). */
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

/** The format of each: the `_recv` functions of PostgreSQL's `src/backend/utils/adt`. */
const SCALARS = {
  text: { oid: 25, write: writeText, sizeOf: (value: string) => (value.length ?? 0) * 3 },
  uuid: { oid: 2950, write: writeUuid, sizeOf: () => 16 },
  smallint: { oid: 21, write: writeSmallint, sizeOf: () => 2 },
  integer: { oid: 23, write: writeInteger, sizeOf: () => 4 },
  bigint: { oid: 20, write: writeBigint, sizeOf: () => 8 },
  boolean: { oid: 16, write: writeBoolean, sizeOf: () => 1 },
  timestamptz: { oid: 1184, write: writeTimestamp, sizeOf: () => 8 },
  bytea: { oid: 17, write: writeBytes, sizeOf: (value: Buffer) => value.length ?? 0 },
} as const satisfies Record<string, ScalarCodec>;

/** Whether a statement depends on the ids of composite types; `types` are those of its parameters, if it names any. */
export function hasComposites(types: readonly ParameterType[] = []): boolean {
  return types.some((type) => typeof type === 'object');
}

/** `columns` in the order in which the schema has them. */
export function compositeType<const Columns extends CompositeType['columns']>(composite: string, columns: Columns) {
  return { composite, columns } satisfies CompositeType;
}

/**
 * The values of a statement as `pg` takes them. As text, an array of 500 would be escaped element by element here and
 * parsed character by character there, which for publishing and settling costs more than the rest of the call.
 * @throws UnencodableValueError when a value is not of its type
 */
export function encodeParameters(
  types: readonly ParameterType[],
  values: readonly unknown[],
  compositeIds: CompositeIds,
): unknown[] {
  if (scratch.length > MAX_KEPT_BYTES) scratch = Buffer.allocUnsafe(INITIAL_BYTES);
  return values.map((value, index) => {
    const type = types[index]!;
    if (typeof type === 'object') {
      return encodeComposites(type, compositeIds.get(type.composite)!, value as readonly RowOf<CompositeType>[]);
    }
    return type.endsWith('[]') ? encodeScalars(SCALARS[type.slice(0, -2) as ScalarType], value as unknown[]) : value;
  });
}

/** `$1::uuid[], $2::signalpost.published_event[], …` */
export function parameterList(types: readonly ParameterType[]): string {
  const nameOf = (type: ParameterType) => (typeof type === 'object' ? `signalpost.${type.composite}[]` : type);
  return types.map((type, index) => `$${index + 1}::${nameOf(type)}`).join(', ');
}

function encodeScalars(codec: ScalarCodec, values: readonly unknown[]): Buffer {
  let at = HEADER_BYTES;
  for (const value of values) at = writeValue(codec, value, at);
  return takeArray(codec.oid, values.length, values.some(isNull), at);
}

/** `record_recv`: how many columns, then each with its type's id. */
function encodeComposites({ columns }: CompositeType, oid: number, rows: readonly RowOf<CompositeType>[]): Buffer {
  const names = Object.keys(columns);
  const codecs = Object.values(columns).map((type): ScalarCodec => SCALARS[type]);
  let at = HEADER_BYTES;
  for (const row of rows) {
    const start = at + LENGTH_BYTES;
    ensureRoom(start + LENGTH_BYTES);
    at = scratch.writeInt32BE(names.length, start);
    for (let i = 0; i < names.length; i++) {
      const codec = codecs[i]!;
      const value = row[names[i]!];
      expectThat(value !== undefined, 'there');
      ensureRoom(at + LENGTH_BYTES);
      at = writeValue(codec, value, scratch.writeInt32BE(codec.oid, at));
    }
    scratch.writeInt32BE(at - start, start - LENGTH_BYTES);
  }
  return takeArray(oid, rows.length, false, at);
}

/** A value behind its length; null has the length -1. */
function writeValue({ write, sizeOf }: ScalarCodec, value: unknown, at: number): number {
  if (isNull(value)) {
    ensureRoom(at + LENGTH_BYTES);
    return scratch.writeInt32BE(-1, at);
  }
  const start = at + LENGTH_BYTES;
  ensureRoom(start + sizeOf(value as never));
  const end = write(value as never, start);
  scratch.writeInt32BE(end - start, at);
  return end;
}

function isNull(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** Copies the array out, under its header: dimensions, whether there are nulls, type, length, lower bound. */
function takeArray(oid: number, length: number, hasNull: boolean, end: number): Buffer {
  // An empty array has no dimension.
  scratch.writeInt32BE(length === 0 ? 0 : 1, 0);
  scratch.writeInt32BE(Number(hasNull), 4);
  scratch.writeUInt32BE(oid, 8);
  if (length === 0) return Buffer.from(scratch.subarray(0, 12));
  scratch.writeInt32BE(length, 12);
  scratch.writeInt32BE(1, 16);
  return Buffer.from(scratch.subarray(0, end));
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
