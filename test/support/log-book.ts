import type request from 'supertest';
import { decodeId } from '../../src/common/ids.js';
import { LogWriter, type NewLog } from '../../src/logs/log-writer.js';
import { type CallOptions, type MadeAccount, type Method, Service } from './service.js';

export interface ShownLog {
  readonly id: string;
  readonly action: string;
  readonly description: string;
  readonly status: string;
  readonly created_at: string;
  readonly [name: string]: unknown;
}

export interface LogPage {
  readonly data: readonly ShownLog[];
  readonly has_more: boolean;
}

/** The logs of an account's test mode, as its secret key writes and reads them. */
export class LogBook {
  service!: Service;
  account!: MadeAccount;

  private constructor() {}

  static of(service: Service, account: MadeAccount): LogBook {
    return Object.assign(new LogBook(), { service, account });
  }

  /** Registers the hooks of the file that uses it: a process of the service and, for each test, a new account. */
  static install(environment: NodeJS.ProcessEnv = {}): LogBook {
    const book = new LogBook();
    beforeAll(async () => {
      book.service = await Service.start({ environment });
    });
    beforeEach(async () => {
      book.account = await book.service.makeAccount();
    });
    afterAll(() => book.service.stop());
    return book;
  }

  get key(): string {
    return this.account.test.secretKey;
  }

  /** Asked with the account's secret key of test mode unless the options name another one, as by `outcome`. */
  readonly call = (method: Method, path: string, options: CallOptions = {}): request.Test =>
    this.service.call(method, path, { key: this.key, ...options });

  readonly outcome = (method: Method, path: string, options: CallOptions = {}): Promise<string> =>
    this.service.outcome(method, path, { key: this.key, ...options });

  /** Writes one through the API; what is left out is ordinary. */
  async note(body: object, headers: Readonly<Record<string, string>> = {}): Promise<ShownLog> {
    const note = { action: 'note.made', status: 'info', description: 'A note', ...body };
    const { body: log } = await this.call('post', '/v1/logs', { headers, body: note }).expect(201);
    return log as ShownLog;
  }

  /** Writes many as the service does; their uuids. */
  write(logs: readonly Partial<NewLog>[]): Promise<readonly string[]> {
    const usual = { category: 'operation', action: 'note.made', status: 'info', description: 'Bulk' } as const;
    const owner = { accountId: decodeId('acct', this.account.id), mode: 'test' } as const;
    return this.service.app
      .get(LogWriter, { strict: false })
      .write(logs.map((log) => ({ ...usual, ...owner, ...log })));
  }

  async list(query: string, key = this.key): Promise<LogPage> {
    return (await this.call('get', `/v1/logs?${query}`, { key }).expect(200)).body as LogPage;
  }

  /** The descriptions of a page. */
  async found(query: string): Promise<string[]> {
    return (await this.list(query)).data.map(({ description }) => description);
  }

  /** The parameters that a list refuses. */
  async wrongFields(query: string): Promise<string[]> {
    const { body } = await this.call('get', `/v1/logs?${query}`).expect(422);
    return (body.errors as { field: string }[]).map(({ field }) => field);
  }
}
