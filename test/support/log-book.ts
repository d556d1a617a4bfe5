import { decodeId } from '../../src/common/ids.js';
import { LogWriter, type NewLog } from '../../src/logs/log-writer.js';
import type { MadeAccount, Service } from './service.js';

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
  readonly key: string;

  constructor(
    private readonly service: Service,
    private readonly account: MadeAccount,
  ) {
    this.key = account.test.secretKey;
  }

  /** Writes one through the API; what is left out is ordinary. */
  async note(body: object, headers: Readonly<Record<string, string>> = {}): Promise<ShownLog> {
    const note = { action: 'note.made', status: 'info', description: 'A note', ...body };
    const { body: log } = await this.service
      .call('post', '/v1/logs', { key: this.key, headers, body: note })
      .expect(201);
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
    return (await this.service.call('get', `/v1/logs?${query}`, { key }).expect(200)).body as LogPage;
  }

  /** The descriptions of a page. */
  async found(query: string): Promise<string[]> {
    return (await this.list(query)).data.map(({ description }) => description);
  }

  /** The parameters that a list refuses. */
  async wrongFields(query: string): Promise<string[]> {
    const { body } = await this.service.call('get', `/v1/logs?${query}`, { key: this.key }).expect(422);
    return (body.errors as { field: string }[]).map(({ field }) => field);
  }
}
