import { encodeId, NIL_ACCOUNT } from '../../src/common/ids.js';
import { RequestLogger } from '../../src/logs/request-logger.js';
import { type CallOptions, type MadeAccount, type Method, Service, until } from './service.js';

/** A log as it stands in the database, of an account or of the platform (null). */
export interface LeftLog {
  readonly account: string | null;
  readonly category: string;
  readonly action: string;
  readonly request_id: string;
}

/** What requests leave in the logs, whoever's. One in a test file: the ids that it gives are new once a database. */
export class RequestTrail {
  private requests = 0;

  constructor(
    private readonly service: Service,
    private readonly witness: MadeAccount,
  ) {}

  /** A request's id of its own. */
  nextId(): string {
    this.requests += 1;
    return `req-trail-${String(this.requests).padStart(4, '0')}`;
  }

  /**
   * The logs that a request left anywhere, oldest first: at least `count`, of the category where one is given, and all
   * those that were to come; for a later request's log is waited for as well.
   */
  async left(requestId: string, count: number, ofCategory?: string): Promise<LeftLog[]> {
    const isDue = ({ category }: LeftLog) => ofCategory === undefined || category === ofCategory;
    await until(async () => (await this.read(requestId)).filter(isDue).length >= count);
    const witness = this.nextId();
    const call = { key: this.witness.live.secretKey, headers: { 'request-id': witness } };
    await this.service.call('post', '/v1/logs', { ...call, body: {} }).expect(422);
    await until(async () => (await this.read(witness)).length > 0);
    return this.read(requestId);
  }

  /** Sends a request under an id of its own, and answers with it what the request left. */
  async of(method: Method, path: string, options: CallOptions, count: number, ofCategory?: string) {
    const requestId = this.nextId();
    const answer = await this.send(requestId, method, path, options);
    return { requestId, answer, logs: await this.left(requestId, count, ofCategory) };
  }

  async send(requestId: string, method: Method, path: string, options: CallOptions) {
    return this.service.call(method, path, { ...options, headers: { ...options.headers, 'request-id': requestId } });
  }

  private async read(requestId: string): Promise<LeftLog[]> {
    await this.service.app.get(RequestLogger, { strict: false }).runOnce();
    const rows: (Omit<LeftLog, 'account'> & { account_id: string })[] = await this.service.dataSource.query(
      'SELECT account_id, category, action, request_id FROM signalpost.logs WHERE request_id = $1 ORDER BY id',
      [requestId],
    );
    return rows.map(({ account_id: id, ...row }) => ({
      account: id === NIL_ACCOUNT ? null : encodeId('acct', id),
      ...row,
    }));
  }
}
