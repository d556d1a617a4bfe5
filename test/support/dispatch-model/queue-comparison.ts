import { decodeId, encodeId } from '../../../src/common/ids.js';
import { DispatcherLeaseRepository } from '../../../src/deliveries/dispatcher-lease.repository.js';
import { type HandedLane, HandOffs } from '../../../src/deliveries/hand-offs.js';
import {
  type Claim,
  type ClaimedDelivery,
  type LaneClaim,
  LaneQueueRepository,
} from '../../../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../../../src/deliveries/lane-signals.js';
import { LeftoversRepository } from '../../../src/deliveries/leftovers.repository.js';
import type { Settlement } from '../../../src/deliveries/settle-arguments.js';
import { makeEndpoint } from '../deliveries.js';
import { holdLease } from '../held-lease.js';
import { operationEvent, publishBatch, publishNew } from '../publishing.js';
import type { Service } from '../service.js';
import { settlementOf } from '../settlements.js';
import { QueueModel } from './queue-model.js';

/** Each takes the events of one type alone. */
const ENDPOINTS = [
  { eventType: 'collect.pending', isOrdered: false, rateLimit: null },
  { eventType: 'payment.pending', isOrdered: true, rateLimit: null },
  { eventType: 'payment.succeeded', isOrdered: true, rateLimit: 5 },
] as const;
const HOUR_MS = 3_600_000;
const ENDS: readonly Settlement['next'][] = [
  { end: 'succeeded', reason: null },
  { end: 'failed', reason: 'exhausted' },
  { waitMs: 0 },
  { waitMs: HOUR_MS },
];

interface InTheAir {
  readonly token: string;
  readonly batch: number;
  readonly delivery: ClaimedDelivery;
}

/** One queue in PostgreSQL and its model, to which the same is done: what each act answered, and what it left. */
export class QueueComparison {
  private nowMs = 0;
  private readonly model = new QueueModel(() => this.nowMs);
  private readonly queue: LaneQueueRepository;
  private readonly leases: DispatcherLeaseRepository;
  private readonly tokens: string[] = [];
  private readonly published: string[] = [];
  private inTheAir: InTheAir[] = [];
  private batch = 0;

  private constructor(
    private readonly service: Service,
    private readonly accountId: string,
    private readonly key: string,
    private readonly lanes: readonly LaneId[],
  ) {
    this.queue = service.app.get(LaneQueueRepository);
    this.leases = service.app.get(DispatcherLeaseRepository);
    lanes.forEach((lane, n) => this.model.addEndpoint(lane, ENDPOINTS[n]));
  }

  static async start(service: Service): Promise<QueueComparison> {
    const account = await service.makeAccount();
    const accountId = decodeId('acct', account.id);
    const key = account.test.secretKey;
    const lanes: LaneId[] = [];
    for (const { eventType, isOrdered, rateLimit } of ENDPOINTS) {
      const settings = { ordering: isOrdered ? 'operation' : 'none', rate_limit: rateLimit };
      const input = { url: 'http://127.0.0.1:9/hook', event_types: [eventType], ...settings };
      const { id } = await makeEndpoint(service, key, input);
      lanes.push([accountId, 'test', decodeId('we', id)]);
    }
    const started = new QueueComparison(service, accountId, key, lanes);
    for (let n = 0; n < 2; n++) started.tokens.push(await started.register());
    return started;
  }

  /** A moment later, by both clocks, which count milliseconds: what is due now must be due before what follows. */
  async pass(): Promise<void> {
    this.nowMs += 10;
    await this.rows('SELECT pg_sleep(0.003)');
  }

  async publish(endpoint: number, operation: number): Promise<void> {
    const n = endpoint % ENDPOINTS.length;
    const operationId = `${n}_${operation % 2}`;
    const event = await publishNew(this.service, this.key, operationEvent(ENDPOINTS[n]!.eventType, operationId));
    const [id] = await this.deliveriesOf([event.id]);
    this.model.publish(this.lanes[n]![2], id!, operationId);
  }

  /** Several events at once, of which a dispatcher takes as many as it offers room for, if the lane is its own. */
  async publishOffered(endpoint: number, chosen: number, dispatcher: number): Promise<[real: unknown, model: unknown]> {
    const n = endpoint % ENDPOINTS.length;
    const lane = this.lanes[n]!;
    const operationId = `${n}_${chosen % 2}`;
    const offer = {
      token: this.tokens[dispatcher % 2]!,
      batch: ++this.batch,
      lanes: [{ lane, room: 1 + (chosen % 3) }],
    };
    let real: readonly HandedLane[] = [];
    const accept = (handed: readonly HandedLane[]) => void (real = handed);
    const nothing = () => undefined;
    const endServing = this.service.app
      .get(HandOffs)
      .serve(() => ({ ...offer, accept, decline: nothing, abandon: nothing }));
    const events = Array.from({ length: 1 + (chosen % 4) }, () => operationEvent(ENDPOINTS[n]!.eventType, operationId));
    const { results } = await publishBatch(this.service, this.key, events).finally(endServing);
    const ids = await this.deliveriesOf(results.map(({ event }) => event!.id));
    const { handed } = this.model.publishOffered(lane[2], ids, operationId, offer);
    const { token, batch } = offer;
    for (const { deliveries } of real) {
      this.inTheAir.push(...deliveries.map((delivery) => ({ token, batch, delivery })));
    }
    return [real.map(shownHanded), handed === null ? [] : [shownHanded(handed)]];
  }

  /** Of events, one each, in the order of their ids. */
  private async deliveriesOf(eventIds: readonly string[]): Promise<string[]> {
    const found = await this.rows<{ id: string }>(
      `SELECT id FROM signalpost.pending_deliveries WHERE account_id = $1 AND event_id = ANY ($2)
       UNION ALL SELECT id FROM signalpost.deliveries WHERE account_id = $1 AND event_id = ANY ($2) ORDER BY id`,
      [this.accountId, eventIds.map((id) => decodeId('evt', id))],
    );
    const ids = found.map(({ id }) => id);
    this.published.push(...ids);
    return ids;
  }

  /** `kind`: a bit each for a look at those that wait, a rate that is not known, and all lanes. */
  async claim(dispatcher: number, endpoint: number, kind: number): Promise<[real: unknown, model: unknown]> {
    const token = this.tokens[dispatcher % 2]!;
    const own = this.inTheAir.filter((one) => one.token === token).map(({ delivery }) => delivery.id);
    const wanted = this.lanes.flatMap((lane, n): LaneClaim[] => {
      if ((kind & 4) === 0 && n !== endpoint % ENDPOINTS.length) return [];
      const rateLimit = (kind & 2) === 0 ? ENDPOINTS[n]!.rateLimit : null;
      return [
        { lane, room: 1 + (kind % 3), recheckWaiting: (kind & 1) === 1, recheckAfter: null, rateLimit, after: null },
      ];
    });
    const batch = ++this.batch;
    const real = await this.queue.claim(token, batch, wanted, own);
    const model = this.model.claim(token, batch, wanted, own);
    this.inTheAir.push(...real.deliveries.map((delivery) => ({ token, batch, delivery })));
    return [shownClaim(real), shownClaim(model)];
  }

  /** Of what is in the air for one dispatcher, be it alive or dead: up to three, each with another outcome. */
  async settle(chosen: number, outcome: number, count: number): Promise<[real: unknown, model: unknown]> {
    const first = this.inTheAir[chosen % this.inTheAir.length];
    if (first === undefined) return [null, null];
    const beside = this.inTheAir.filter(({ token }) => token === first.token);
    const given = new Map([first, ...beside].slice(0, 1 + (count % 3)).map((one) => [one.delivery.id, one]));
    this.inTheAir = this.inTheAir.filter((one) => ![...given.values()].includes(one));
    const settlements = [...given.values()].map(({ delivery }, n) =>
      settlementOf(delivery, ENDS[(outcome + n) % ENDS.length]),
    );
    const batches = [...new Set([...given.values()].map(({ batch }) => batch))];
    const finished = batches.filter(
      (batch) => !this.inTheAir.some((one) => one.token === first.token && one.batch === batch),
    );
    const real = await this.queue.settle(first.token, finished, settlements);
    const model = this.model.settle(first.token, finished, settlements);
    return [real, model];
  }

  async park(dispatcher: number, endpoint: number): Promise<[real: unknown, model: unknown]> {
    const token = this.tokens[dispatcher % 2]!;
    const lanes = endpoint % 4 === 3 ? this.lanes : [this.lanes[endpoint % 4]!];
    return [(await this.queue.park(token, lanes)).sort(), this.model.park(token, lanes).sort()];
  }

  async cancel(chosen: number): Promise<[real: unknown, model: unknown]> {
    const id = this.published[chosen % this.published.length];
    if (id === undefined) return [null, null];
    const wasPending = this.isLive(id);
    const path = `/v1/deliveries/${encodeId('del', id)}/cancel`;
    const { status } = await this.service.call('post', path, { key: this.key });
    this.model.cancel(id);
    return [status < 300, wasPending];
  }

  /** Of unfinished ones: an ended one would become another. */
  async retry(chosen: number): Promise<void> {
    const live = this.published.filter((one) => this.isLive(one));
    const id = live[chosen % live.length];
    if (id === undefined) return;
    await this.service.call('post', `/v1/deliveries/${encodeId('del', id)}/retry`, { key: this.key }).expect(202);
    this.model.retry(id);
  }

  async set(endpoint: number, status: 'enabled' | 'disabled'): Promise<void> {
    const [, , id] = this.lanes[endpoint % ENDPOINTS.length]!;
    const path = `/v1/webhook-endpoints/${encodeId('we', id)}`;
    await this.service.call('patch', path, { key: this.key, body: { status } }).expect(200);
    if (status === 'enabled') this.model.enable(id);
    else this.model.disable(id);
  }

  async changeOrder(endpoint: number): Promise<void> {
    const [, , id] = this.lanes[endpoint % ENDPOINTS.length]!;
    this.model.changeOrder(id);
    const body = { ordering: this.model.endpoints.get(id)!.isOrdered ? 'operation' : 'none' };
    await this.service
      .call('patch', `/v1/webhook-endpoints/${encodeId('we', id)}`, { key: this.key, body })
      .expect(200);
  }

  async endLeftovers(): Promise<void> {
    const leftovers = this.service.app.get(LeftoversRepository);
    for (const [accountId, mode, id] of this.lanes) await leftovers.endSome({ account_id: accountId, mode, id }, 1_000);
    this.model.endLeftovers();
  }

  /** As two deaths leave it. */
  async suspect(chosen: number): Promise<void> {
    const live = this.published.filter((one) => this.isLive(one));
    const id = live[chosen % live.length];
    if (id === undefined) return;
    await this.rows('UPDATE signalpost.pending_deliveries SET crash_count = 2 WHERE account_id = $1 AND id = $2', [
      this.accountId,
      id,
    ]);
    this.model.pending.get(id)!.crashCount = 2;
  }

  /** A dispatcher's lease is over; somebody frees what it held, and another one takes its place. */
  async die(dispatcher: number): Promise<[real: unknown, model: unknown]> {
    const n = dispatcher % 2;
    await this.rows('DELETE FROM signalpost.dispatchers WHERE token = $1', [this.tokens[n]]);
    this.model.leases.delete(this.tokens[n]!);
    const crashed = (await this.leases.countCrashes()).map(({ id }) => id);
    const freed = await this.leases.freeLanes();
    const model = [this.model.countCrashes().sort(), this.model.freeLanes()];
    this.tokens[n] = await this.register();
    return [[crashed.sort(), freed], model];
  }

  /**
   * Everything that an act may leave: deliveries, how they wait or ended; lanes, whose they are and which are found.
   */
  async states(): Promise<[real: unknown, model: unknown]> {
    const [pending, ended, lanes, batches, ready] = await Promise.all([
      this.rows<{ id: string }>(
        `SELECT id, CASE WHEN due_at = 'infinity' THEN 'behind' WHEN due_at <= now() THEN 'due' ELSE 'later' END AS waits,
           attempt_count, crash_count FROM signalpost.pending_deliveries WHERE account_id = $1 ORDER BY id`,
        [this.accountId],
      ),
      this.rows<{ id: string }>(
        `SELECT id, status, status_reason, attempt_count FROM signalpost.deliveries WHERE account_id = $1 ORDER BY id`,
        [this.accountId],
      ),
      this.rows('SELECT endpoint_id, owner FROM signalpost.lanes WHERE account_id = $1 ORDER BY 1', [this.accountId]),
      this.rows(
        `SELECT token, batch::integer, delivery_ids, attempt_numbers FROM signalpost.claimed_batches
         WHERE $1 = ANY (account_ids) ORDER BY batch`,
        [this.accountId],
      ),
      this.queue.findReadyLanes(10_000),
    ]);
    const found = ready.filter(([account]) => account === this.accountId).map(([, , id]) => id);
    const model = {
      pending: [...this.model.pending.values()].sort(byId).map((one) => ({
        id: one.id,
        waits: one.dueAtMs === Infinity ? 'behind' : one.dueAtMs <= this.nowMs ? 'due' : 'later',
        attempt_count: one.attemptCount,
        crash_count: one.crashCount,
      })),
      ended: [...this.model.ended]
        .map(([id, end]) => ({ id, status: end.status, status_reason: end.reason, attempt_count: end.attemptCount }))
        .sort(byId),
      lanes: this.lanes.map(([, , id]) => ({ endpoint_id: id, owner: this.model.lanes.get(id)!.owner })),
      batches: [...this.model.batches.values()]
        .sort((a, b) => a.batch - b.batch)
        .map(({ token, batch, entries }) => ({
          ...{ token, batch },
          delivery_ids: entries.map(([id]) => id),
          attempt_numbers: entries.map(([, number]) => number),
        })),
      found: this.model
        .findReady(10_000)
        .map(([, , id]) => id)
        .sort(),
    };
    return [{ pending, ended, lanes, batches, found: found.sort() }, model];
  }

  async stop(): Promise<void> {
    for (const token of this.tokens) await this.leases.unregister(token);
  }

  private isLive(id: string): boolean {
    const found = this.model.pending.get(id);
    return found !== undefined && this.model.isLive(found) && this.model.endpoints.get(found.lane[2])!.isEnabled;
  }

  /** A dispatcher whose lease does not run out by itself. */
  private async register(): Promise<string> {
    const token = await holdLease(this.service);
    this.model.leases.set(token, Infinity);
    return token;
  }

  private rows<R>(statement: string, values: unknown[] = []): Promise<R[]> {
    return this.service.dataSource.query<R[]>(statement, values);
  }
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function shownHanded({ lane, deliveries, isAll }: HandedLane): object {
  return { lane, isAll, deliveries: deliveries.map(({ id, attemptCount }) => ({ id, attemptCount })) };
}

function shownClaim({ deliveries, lanes }: Claim): object {
  return {
    deliveries: deliveries.map(({ id, attemptCount, isUnsendable }) => ({ id, attemptCount, isUnsendable })),
    lanes: lanes.map(({ lane, isOpen, rateLimit, isOrdered, nextDueInMs, recheckedTo }) => ({
      ...{ lane, isOpen, rateLimit, isOrdered, recheckedTo },
      isMoreComing: nextDueInMs !== null,
    })),
  };
}
