import { RecoveryRunner } from '../../src/webhooks/recoveries/recovery-runner.js';
import type { ShownDelivery } from './deliveries.js';
import { DispatchFixture } from './dispatch-fixture.js';

export interface ShownRecovery {
  readonly id: string;
  readonly endpoint_id: string;
  readonly status: string;
  readonly total: number;
  readonly sent: number;
  readonly ended_at: string | null;
}

/** Deliveries that a process plans in a second. */
const PER_SECOND = 10;

/** Sends nothing and runs no job by itself: a test lets recoveries run, at the time that it says. */
export class RecoveryFixture {
  readonly sending = DispatchFixture.install({ ROLE: 'api', RECOVERY_PER_SECOND: String(PER_SECOND) });
  /** When the test began. */
  since!: string;
  nowMs!: number;

  private constructor() {}

  /** Registers the hooks of the file that uses it. */
  static install(): RecoveryFixture {
    const fixture = new RecoveryFixture();
    beforeEach(async () => {
      await fixture.sending.rows(
        `UPDATE signalpost.recoveries SET status = 'done', ended_at = now() WHERE status = 'running'`,
      );
      fixture.since = new Date().toISOString();
      fixture.nowMs = Date.now();
    });
    return fixture;
  }

  /** Nothing listens there, unless `input` says otherwise. */
  readonly endpoint = (input: object = {}) => this.sending.endpoint({ url: 'http://127.0.0.1:9/hook', ...input });

  readonly path = (endpoint: { id: string }): string => `/v1/webhook-endpoints/${endpoint.id}`;

  readonly set = async (endpoint: { id: string }, status: string) =>
    (await this.sending.call('patch', this.path(endpoint), { body: { status } }).expect(200)).body as {
      recoverable_count: number;
      recoverable_since: string | null;
    };

  /** Begins a recovery of everything since the test began, unless `body` says otherwise. */
  readonly recover = async (endpoint: { id: string }, body: object = {}): Promise<ShownRecovery> => {
    const asked = { body: { since: this.since, ...body } };
    return (await this.sending.call('post', `${this.path(endpoint)}/recover`, asked).expect(202)).body as ShownRecovery;
  };

  readonly read = async (id: string): Promise<ShownRecovery> =>
    (await this.sending.call('get', `/v1/recoveries/${id}`).expect(200)).body as ShownRecovery;

  /** One second later. */
  readonly tick = (runner = this.sending.service.app.get(RecoveryRunner)) =>
    runner.runOnce(new Date((this.nowMs += 1_000)));

  /** Until it has ended, a second at a time. */
  readonly finish = async (recovery: ShownRecovery): Promise<ShownRecovery> => {
    while ((await this.read(recovery.id)).status === 'running') await this.tick();
    return this.read(recovery.id);
  };

  /** What recoveries have planned for the endpoint, oldest first. */
  readonly recovered = async (endpoint: { id: string }) => {
    const path = `/v1/deliveries?endpoint_id=${endpoint.id}`;
    const all = await this.sending.readAll<ShownDelivery & { trigger: string; recovery_id: string | null }>(path);
    return all.filter(({ trigger }) => trigger === 'recovery');
  };
}
