import { decodeId } from '../../src/common/ids.js';
import { DispatchFixture } from './dispatch-fixture.js';
import { operationEvent, publishNew, type PublishedEvent, type PublishedOperation } from './publishing.js';
import { until } from './service.js';

export interface ShownLog {
  readonly id: string;
  readonly category: string;
  readonly action: string;
  readonly delivery_id: string | null;
  readonly [field: string]: unknown;
}

/** What an event may say of a person, and an erasure takes. */
export const PERSONAL = {
  operation: {
    customer: { name: 'Zebulon Quartzmann', email: 'zq.canary@example.test', phone: '+22999887766' },
    metadata: { order: 'canary-order' },
  },
  data: { note: 'canary-note' },
};

export const personalEvent = (status: string, id: string, more: object = {}): Record<string, unknown> =>
  operationEvent(`collect.${status}`, id, { ...PERSONAL, ...more });

/** The bytes of the event after its operation was erased. */
export const erasedTextOf = (event: PublishedEvent): string =>
  JSON.stringify({ ...event, operation: { ...event.operation, customer: null, metadata: {} }, data: {} });

/** Publishes, erases and answers; nothing is sent unless a test claims it by hand or starts a dispatcher. */
export class ErasureFixture {
  readonly sending = DispatchFixture.install({ ROLE: 'api' });

  private constructor() {}

  /** Registers the hooks of the file that uses it. */
  static install(): ErasureFixture {
    return new ErasureFixture();
  }

  /** `POST /v1/operations/{id}/erase` by an admin in the name of a person. */
  readonly erase = (id: string, headers: Readonly<Record<string, string>> = {}) => {
    const { account, service } = this.sending;
    const acting = { 'signalpost-account': account.id, 'signalpost-mode': 'test', 'signalpost-actor': 'Zoe D.' };
    return service.call('post', `/v1/operations/${id}/erase`, { headers: { ...acting, ...headers } });
  };

  /** A new event of the collect `id` that names its customer. */
  readonly publishPersonal = (status: string, id = 'col_1', more: object = {}): Promise<PublishedEvent> =>
    publishNew(this.sending.service, this.sending.key, personalEvent(status, id, more));

  readonly operation = async (id: string): Promise<PublishedOperation> =>
    (await this.sending.call('get', `/v1/operations/${id}`).expect(200)).body as PublishedOperation;

  /** The event's bytes. */
  readonly textOf = async (event: { id: string }): Promise<string> =>
    (await this.sending.call('get', `/v1/events/${event.id}`).expect(200)).text;

  readonly logs = (): Promise<ShownLog[]> => this.sending.readAll<ShownLog>('/v1/logs');

  readonly erasures = async (): Promise<ShownLog[]> =>
    (await this.logs()).filter(({ action }) => action === 'operation.erased');

  /** Until so many wait for a lock. */
  readonly waitFor = (waiters: number): Promise<void> =>
    until(async () => {
      const [row] = await this.sending.rows<{ count: string }>(
        `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return Number(row!.count) === waiters;
    });

  /** Runs `work` while nobody can publish or erase in the account; what it began goes on afterwards, in its order. */
  readonly whileLedgerIsHeld = async (work: () => Promise<void>): Promise<void> => {
    const held = this.sending.service.dataSource.createQueryRunner();
    await held.startTransaction();
    try {
      await held.query('SELECT FROM signalpost.ledgers WHERE account_id = $1 FOR UPDATE', [
        decodeId('acct', this.sending.account.id),
      ]);
      await work();
    } finally {
      await held.rollbackTransaction();
      await held.release();
    }
  };
}
