import fc from 'fast-check';
import type { EntityManager } from 'typeorm';
import { Database } from '../src/database/database.js';
import {
  type CompositeType,
  compositeType,
  type ParameterType,
  parameterList,
  UnencodableValueError,
} from '../src/database/binary-parameters.js';
import { isRefusedValue } from '../src/database/sql-errors.js';
import * as settleTypes from '../src/deliveries/settle-types.js';
import * as publishTypes from '../src/events/publish-types.js';
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

describe('rows in binary', () => {
  const SCALARS = compositeType('scalar_row', {
    text: 'text',
    uuid: 'uuid',
    smallint: 'smallint',
    integer: 'integer',
    bigint: 'bigint',
    boolean: 'boolean',
    timestamptz: 'timestamptz',
    bytea: 'bytea',
  });
  const ROW = {
    text: 'é𝄞 "quoted"',
    uuid: '0192f0c4-7f3a-7c10-9b1e-5a3d2c1b0a9f',
    smallint: -32_768,
    integer: 2_147_483_647,
    bigint: '9223372036854775807',
    boolean: true,
    timestamptz: 1_790_000_000_001,
    bytea: Buffer.from('00ff', 'hex'),
  };
  const READ = { ...ROW, timestamptz: new Date(ROW.timestamptz) };
  const NOTHING = Object.fromEntries(Object.keys(ROW).map((column) => [column, null]));

  let service: Service;
  let database: Database;
  beforeAll(async () => {
    service = await Service.start();
    database = service.app.get(Database);
    await createType(SCALARS);
  });
  afterAll(async () => {
    await database.dataSource.query('DROP TYPE signalpost.scalar_row');
    await service.stop();
  });

  async function createType({ composite, columns }: CompositeType): Promise<void> {
    const list = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`);
    await database.dataSource.query(`CREATE TYPE signalpost.${composite} AS (${list.join(', ')})`);
  }

  const readBack = (rows: readonly unknown[], manager?: EntityManager): Promise<unknown[]> =>
    database.rows(
      { name: 'rows_in_binary', text: `SELECT * FROM unnest(${parameterList([SCALARS])})`, types: [SCALARS] },
      [rows],
      manager,
    );

  it('arrive as they were, column by column, nulls among them', async () => {
    expect(await readBack([])).toEqual([]);
    expect(await readBack([ROW, NOTHING, ROW])).toEqual([READ, NOTHING, READ]);
    // Longer than the buffer in which a row is put together.
    const text = 'é'.repeat(200_000);
    expect(await readBack([{ ...ROW, text }, ROW])).toEqual([{ ...READ, text }, READ]);
  });

  describe('whose type was made anew since, as by a restore,', () => {
    const remake = async () => {
      await database.dataSource.query('DROP TYPE signalpost.scalar_row');
      await createType(SCALARS);
    };

    it('arrive all the same', async () => {
      await readBack([ROW]);
      await remake();
      expect(await readBack([ROW])).toEqual([READ]);
    });

    it('fail one transaction, and arrive in the next', async () => {
      const inTransaction = () => database.transaction((manager) => readBack([ROW], manager));
      await inTransaction();
      await remake();
      await expect(inTransaction()).rejects.toThrow('type');
      expect(await inTransaction()).toEqual([READ]);
    });

    it('leave statements without such rows their prepared names', async () => {
      await readBack([ROW]);
      await remake();
      await readBack([ROW]);
      const named = (name: string) => ({
        name,
        text: `SELECT array_agg(name) AS names FROM pg_prepared_statements WHERE name LIKE $1 || '%'`,
      });
      const [typed, untyped] = await database.transaction(async (manager) => [
        await database.rows({ ...named('typed_alone'), types: ['text'] }, ['typed_alone'], manager),
        await database.rows(named('untyped_alone'), ['untyped_alone'], manager),
      ]);
      expect([typed, untyped]).toEqual([[{ names: ['typed_alone'] }], [{ names: ['untyped_alone'] }]]);
    });
  });

  it.each<{ types?: ParameterType[] }>([{ types: ['text', 'text[]'] }, {}])(
    'are why a statement is run twice, so one of %j runs once, though it fail for an unknown type',
    async ({ types }) => {
      await readBack([ROW]);
      await database.dataSource.query('CREATE SEQUENCE signalpost.runs');
      try {
        // What a sequence gave stays given, though the statement fail.
        const text = `SELECT nextval('signalpost.runs'), $1::text::regtype, $2::text[]`;
        const failing = database.rows({ name: `fails_of_${types?.length ?? 0}`, text, types }, ['no_such_type', []]);
        await expect(failing).rejects.toMatchObject({ code: '42704' });
        const [runs] = await database.dataSource.query<[{ count: string }]>(
          'SELECT last_value AS count FROM signalpost.runs WHERE is_called',
        );
        expect(runs).toEqual({ count: '1' });
      } finally {
        await database.dataSource.query('DROP SEQUENCE signalpost.runs');
      }
    },
  );

  it.each([
    ['a value of another type', { ...ROW, uuid: 'none' }],
    ['a column left out', { ...ROW, uuid: undefined }],
  ])('are refused with %s', async (_name, row) => {
    const error = await readBack([row]).catch((thrown: unknown) => thrown);
    expect(error instanceof UnencodableValueError && isRefusedValue(error)).toBe(true);
  });

  it.each(Object.values({ ...publishTypes, ...settleTypes }))(
    'of $composite have the columns, in their order, that the schema gives the type',
    async ({ composite, columns }) => {
      const declared: { name: string; type: string }[] = await database.dataSource.query(
        `SELECT attname AS name, format_type(atttypid, atttypmod) AS type
         FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
        [`signalpost.${composite}`],
      );
      const full = { timestamptz: 'timestamp with time zone' } as Record<string, string>;
      expect(Object.entries(columns)).toEqual(
        declared.map(({ name, type }) => [name, Object.keys(full).find((short) => full[short] === type) ?? type]),
      );
    },
  );
});
