import fc from 'fast-check';
import { Database } from '../src/database/database.js';
import { type ParameterType, parameterList, UnencodableValueError } from '../src/database/binary-parameters.js';
import { isRefusedValue } from '../src/database/sql-errors.js';
import { Service } from './support/service.js';

/** What stands in the array when PostgreSQL reads it, as text. */
const TYPES = [
  'text[]',
  'uuid[]',
  'smallint[]',
  'integer[]',
  'bigint[]',
  'boolean[]',
  'timestamptz[]',
  'bytea[]',
] as const;
type ArrayType = (typeof TYPES)[number];

describe('arrays in binary', () => {
  let service: Service;
  let database: Database;
  beforeAll(async () => {
    service = await Service.start();
    database = service.app.get(Database);
  });
  afterAll(() => service.stop());

  /** Sends the array and reads its elements back as JSON. */
  async function roundTrip(type: ArrayType, values: readonly unknown[]): Promise<unknown[]> {
    const types: ParameterType[] = [type];
    const element: Partial<Record<ArrayType, string>> = {
      'timestamptz[]': '(extract(epoch FROM item) * 1000)::bigint::text',
      'bytea[]': "encode(item, 'hex')",
      'bigint[]': 'item::text',
    };
    const [row] = await database.rows<{ items: unknown[] }>(
      {
        name: `round_trip_${type}`,
        text: `SELECT coalesce(json_agg(${element[type] ?? 'item'} ORDER BY n), '[]') AS items
               FROM unnest(${parameterList(types)}) WITH ORDINALITY AS t (item, n)`,
        types,
      },
      [values],
    );
    return row!.items;
  }

  const storable = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => !text.includes('\0'));
  const elements: Record<ArrayType, { of: fc.Arbitrary<unknown>; shown?: (value: never) => unknown }> = {
    'text[]': {
      of: fc.oneof(storable, fc.constantFrom('', 'NULL', '{}', '"', '\\', ',', ' ', 'é𝄞', 'x'.repeat(70_000))),
    },
    'uuid[]': { of: fc.uuid(), shown: (value: string) => value.toLowerCase() },
    'smallint[]': { of: fc.integer({ min: -32_768, max: 32_767 }) },
    'integer[]': { of: fc.integer() },
    'bigint[]': {
      of: fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
      shown: String,
    },
    'boolean[]': { of: fc.boolean() },
    'timestamptz[]': { of: fc.integer({ min: -62_000_000_000_000, max: 4_000_000_000_000 }), shown: String },
    'bytea[]': {
      of: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      shown: (value: Buffer) => value.toString('hex'),
    },
  };

  it.each(TYPES)('of %s arrive as they were, nulls among them', async (type) => {
    const { of, shown = (value) => value } = elements[type];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(of), { maxLength: 30 }), async (values) => {
        const expected = values.map((value) => (value === null ? null : shown(value as never)));
        expect(await roundTrip(type, values)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  const WRONG: readonly (readonly [ArrayType, readonly unknown[]])[] = [
    ['text[]', [1, {}, true]],
    ['bytea[]', ['text', 1]],
    ['uuid[]', ['', 'x'.repeat(36), '0192f0c4-7f3a-7c10-9b1e-5a3d2c1b0a9', '0192f0c4-7f3a-7c10-9b1e-5a3d2c1b0a9g']],
    ['uuid[]', ['0192f0c4x7f3a-7c10-9b1e-5a3d2c1b0a9f', 1]],
    ['smallint[]', [32_768, -32_769, 1.5, Number.NaN, '1']],
    ['integer[]', [2_147_483_648, -2_147_483_649, 1.5, Number.NaN, 'x']],
    ['bigint[]', [2 ** 53, 1.5, Number.NaN, '', '0x10', '9223372036854775808', '1e3']],
    ['boolean[]', ['false', 1]],
    ['timestamptz[]', ['2026-01-01', Number.NaN, Infinity]],
  ];

  it.each(WRONG)(
    'of %s are refused with a value of another type, as PostgreSQL would refuse it',
    async (type, wrong) => {
      for (const value of wrong) {
        const error = await roundTrip(type, [null, value]).catch((thrown: unknown) => thrown);
        expect([value, error instanceof UnencodableValueError && isRefusedValue(error)]).toEqual([value, true]);
      }
    },
  );
});
