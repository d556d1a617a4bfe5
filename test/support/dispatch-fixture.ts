import type request from 'supertest';
import { decodeId } from '../../src/common/ids.js';
import { DispatcherLeaseRepository } from '../../src/deliveries/dispatcher-lease.repository.js';
import type { LaneId } from '../../src/deliveries/lane-signals.js';
import { boot, type Boot } from './booted-process.js';
import {
  deliveryWhen,
  isEnded,
  isWaitingAfter,
  listDeliveries,
  makeEndpoint,
  readDelivery,
  SENDING,
  type ShownDelivery,
  startSending,
} from './deliveries.js';
import { holdLease } from './held-lease.js';
import {
  type BatchAnswer,
  operationEvent,
  publishBatch,
  publishNew,
  type PublishedEvent,
  readAll,
} from './publishing.js';
import { Receiver } from './receiver.js';
import type { CallOptions, MadeAccount, Method, Service } from './service.js';

/**
 * A process of the service and, for each test, a new account whose webhooks go to a receiver of their own. What one
 * test leaves due reaches no other one: its accounts are suspended at its end, and nothing listens where its receiver
 * was.
 */
export class DispatchFixture {
  service!: Service;
  receiver!: Receiver;
  account!: MadeAccount;
  /** Those of this test. */
  accounts: MadeAccount[] = [];
  private dispatchers: Service[] = [];
  private processes: Boot[] = [];
  private tokens: string[] = [];

  private constructor(private readonly settings: NodeJS.ProcessEnv) {}

  /**
   * Registers the hooks of the file that uses it. Its process dispatches, unless `ROLE` says otherwise; other processes
   * have the same settings.
   */
  static install({ ROLE = 'all', ...settings }: NodeJS.ProcessEnv = {}): DispatchFixture {
    const fixture = new DispatchFixture(settings);
    beforeAll(async () => {
      fixture.service = await startSending({ environment: { ...settings, ROLE } });
    });
    beforeEach(async () => {
      fixture.receiver = await Receiver.start();
      fixture.account = await fixture.makeAccount();
    });
    afterEach(async () => {
      await Promise.all(fixture.accounts.splice(0).map(({ id }) => fixture.service.suspend(id)));
      const processes = fixture.processes.splice(0);
      for (const { process } of processes) process.kill('SIGKILL');
      await Promise.all(processes.map(({ ended }) => ended));
      // Before the dispatchers, which would wait for answers that a test holds back.
      await fixture.receiver.stop();
      await Promise.all(fixture.dispatchers.splice(0).map((dispatcher) => dispatcher.stop()));
      const leases = fixture.service.app.get(DispatcherLeaseRepository);
      for (const token of fixture.tokens.splice(0)) await leases.unregister(token);
    });
    afterAll(() => fixture.service.stop());
    return fixture;
  }

  /** The test's account's secret key of test mode, with which everything below is asked unless it names another one. */
  get key(): string {
    return this.account.test.secretKey;
  }

  /** Another one of this test. */
  readonly makeAccount = async (overrides: object = {}): Promise<MadeAccount> => {
    const account = await this.service.makeAccount(overrides);
    this.accounts.push(account);
    return account;
  };

  /** Another process, which sends; it ends with the test. */
  readonly startDispatcher = async (): Promise<Service> => {
    const dispatcher = await startSending({ environment: this.environment });
    this.dispatchers.push(dispatcher);
    return dispatcher;
  };

  readonly stopDispatcher = async (dispatcher: Service): Promise<void> => {
    this.dispatchers = this.dispatchers.filter((other) => other !== dispatcher);
    await dispatcher.stop();
  };

  /** What another process of this service is started with, beside its role. */
  get environment(): NodeJS.ProcessEnv {
    const { dataDir, databaseUrl } = this.service.config;
    return { ...SENDING, ...this.settings, DATABASE_URL: databaseUrl!, DATA_DIR: dataDir };
  }

  /** A dispatcher which may be killed; at the latest it is at the end of the test. */
  readonly bootDispatcher = (more: NodeJS.ProcessEnv = {}): Boot => {
    const booted = boot({ ...this.environment, ROLE: 'dispatcher', ...more });
    this.processes.push(booted);
    return booted;
  };

  /** The token of a dispatcher that is the test itself; its lease ends with the test. */
  readonly holdLease = async (): Promise<string> => {
    const token = await holdLease(this.service);
    this.tokens.push(token);
    return token;
  };

  readonly call = (method: Method, path: string, options: CallOptions = {}): request.Test =>
    this.service.call(method, path, { key: this.key, ...options });

  readonly outcome = (method: Method, path: string, options: CallOptions = {}): Promise<string> =>
    this.service.outcome(method, path, { key: this.key, ...options });

  readonly rows = <R>(statement: string, values: unknown[] = []): Promise<R[]> =>
    this.service.dataSource.query<R[]>(statement, values);

  /** An endpoint for the events of collects, at the receiver unless `input` says otherwise. */
  readonly endpoint = (input: object = {}): Promise<{ id: string; secret: string }> =>
    makeEndpoint(this.service, this.key, { url: this.receiver.url(), ...input });

  readonly laneOf = (endpoint: { id: string }): LaneId => [
    decodeId('acct', this.account.id),
    'test',
    decodeId('we', endpoint.id),
  ];

  /** A new event of the collect `id`. */
  readonly publish = (id: string, status = 'pending', by = this.key): Promise<PublishedEvent> =>
    publishNew(this.service, by, operationEvent(`collect.${status}`, id));

  /** Events of the collects `col_0`, `col_1` … from `col_<first>` on, in one request. */
  readonly publishMany = (count: number, first = 0): Promise<BatchAnswer> =>
    publishBatch(
      this.service,
      this.key,
      Array.from({ length: count }, (_, index) => operationEvent('collect.pending', `col_${first + index}`)),
    );

  readonly readAll = <T extends { id: string }>(path: string): Promise<T[]> => readAll<T>(this.service, path, this.key);

  readonly listDeliveries = (query: object = {}): Promise<ShownDelivery[]> =>
    listDeliveries(this.service, this.key, query);

  readonly readDelivery = (id: string): Promise<ShownDelivery> => readDelivery(this.service, this.key, id);

  /** The event's only delivery, once it has ended. */
  readonly ended = (event: { id: string }): Promise<ShownDelivery> =>
    deliveryWhen(this.service, this.key, event.id, isEnded);

  /** The event's only delivery, once it waits for its next try. */
  readonly waiting = (event: { id: string }, attempts = 1): Promise<ShownDelivery> =>
    deliveryWhen(this.service, this.key, event.id, isWaitingAfter(attempts));
}
