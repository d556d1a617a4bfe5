import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Metrics } from '../../src/common/metrics/metrics.js';
import { workerDatabaseUrl } from '../setup/database.js';
import { operationEvent, publish } from './publishing.js';
import { type MadeAccount, Service } from './service.js';
import { SseReader } from './sse-reader.js';

export const STREAM = '/v1/events/stream';

export interface OpenOptions {
  readonly on?: Service;
  readonly by?: string;
  readonly after?: number | string;
  readonly query?: string;
  readonly path?: string;
}

export const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);
export const pending = (id: string, more: object = {}) => operationEvent('collect.pending', id, more);
export const has = (reader: SseReader, count: number) => reader.until(() => reader.sequences.length >= count);

/** Two processes and, for each test, a new account and the readers of its streams. */
export class StreamFixture {
  first!: Service;
  second!: Service;
  account!: MadeAccount;
  private readers: SseReader[] = [];

  private constructor(private readonly path: string) {}

  /** Registers the hooks of the file that uses it. */
  static install(path = STREAM): StreamFixture {
    const fixture = new StreamFixture(path);
    beforeAll(async () => {
      fixture.first = await Service.start({ environment: { STREAMS_PER_KEY: '60' } });
      fixture.second = await Service.start({ config: fixture.first.config });
    });
    beforeEach(async () => {
      fixture.account = await fixture.first.makeAccount();
    });
    afterEach(() => {
      for (const reader of fixture.readers) reader.leave();
      fixture.readers = [];
    });
    afterAll(async () => {
      await fixture.second.stop();
      await fixture.first.stop();
    });
    return fixture;
  }

  /** The test's account's secret key of test mode. */
  get key(): string {
    return this.account.test.secretKey;
  }

  async open({
    on = this.first,
    by = this.key,
    after,
    query = '',
    path = this.path,
  }: OpenOptions = {}): Promise<SseReader> {
    const { port } = on.app.getHttpServer().address() as AddressInfo;
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': String(after) };
    const reader = await SseReader.open(`http://127.0.0.1:${port}`, `${path}${query}`, by, headers);
    this.readers.push(reader);
    return reader;
  }

  /** Publishes `count` events at once, one request each. */
  async publishMany(prefix: string, count: number, on = this.first): Promise<void> {
    await Promise.all(range(1, count).map((n) => publish(on, this.key, pending(`${prefix}_${n}`)).expect(201)));
  }

  /** The sum of a metric over its labels. */
  async metric(name: string, service = this.first): Promise<number> {
    const { values } = (await service.app.get(Metrics).registry.getSingleMetric(name)!.get()) as {
      values: { value: number }[];
    };
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  async cutListeners(): Promise<void> {
    await administer((client, database) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'signalpost listener' AND datname = $1`,
        [database],
      ),
    );
  }
}

/** Works on the server from outside the tests' database. */
export async function administer<T>(work: (client: pg.Client, database: string) => Promise<T>): Promise<T> {
  const url = new URL(await workerDatabaseUrl());
  const database = url.pathname.slice(1);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    return await work(client, database);
  } finally {
    await client.end();
  }
}
