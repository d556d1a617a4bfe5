import type { HandOffOffer } from '../../../src/deliveries/hand-offs.js';
import type { LaneId } from '../../../src/deliveries/lane-signals.js';
import { ModelProcess } from './model-process.js';
import { QueueModel } from './queue-model.js';
import { type Behaviour, Receivers } from './receivers.js';
import { VirtualTime } from './virtual-time.js';

const ANSWERS_AT_ONCE: Behaviour = { status: 200, afterMs: 20, retryAfterSeconds: null };
/** Longer than any wait, pause and open circuit of a history together. */
const HEALING_MS = 180_000;
const HEALING_STEP_MS = 5_000;
/** Longer than any request takes. */
const LAST_REQUESTS_MS = 16_000;
/** A process with nothing in the air ends at once. */
const ENDING_MS = 1_000;
const CLOCK_ERRORS_MS = [0, 3_600_000, -3_600_000];

/** Endpoints of two accounts: plain, ordered, limited in rate, and both of the last. */
const ENDPOINTS = [
  { lane: ['account-a', 'test', 'endpoint-1'] as LaneId },
  { lane: ['account-a', 'test', 'endpoint-2'] as LaneId, isOrdered: true },
  { lane: ['account-a', 'live', 'endpoint-3'] as LaneId, rateLimit: 5 },
  { lane: ['account-b', 'test', 'endpoint-4'] as LaneId, isOrdered: true, rateLimit: 20 },
];

/** Several processes, one queue, the receivers, and a virtual clock. */
export class ModelWorld {
  readonly time = new VirtualTime();
  readonly queue = new QueueModel(() => this.time.nowMs);
  readonly receivers = new Receivers(this.time, this.queue);
  readonly processes: ModelProcess[] = [];
  readonly endpoints = ENDPOINTS.map(({ lane }) => lane);
  private readonly planned: string[] = [];
  private readonly attempts = new Set<string>();
  private readonly leftRecords: string[] = [];
  private state: number;

  constructor(seed: number) {
    this.state = seed;
    for (const { lane, ...more } of ENDPOINTS) {
      this.queue.addEndpoint(lane, more);
      this.receivers.behave(lane[2], ANSWERS_AT_ONCE);
    }
  }

  /** Uniform in [0, 1), the same for one seed (a linear congruential generator). */
  random(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state / 2 ** 32;
  }

  startProcess(): void {
    const process = new ModelProcess(this, CLOCK_ERRORS_MS[this.processes.length % CLOCK_ERRORS_MS.length]!);
    this.processes.push(process);
    process.start();
  }

  /** The process with this number among those that live, if any does. */
  process(number: number): ModelProcess | undefined {
    const alive = this.processes.filter(({ isAlive }) => isAlive);
    return alive[number % alive.length];
  }

  publish(endpoint: number, operation: string | null, publisher: number): void {
    const lane = this.endpoints[endpoint]!;
    if (this.queue.publish(lane[2], this.nextId(), operation)) this.newId();
    this.process(publisher)?.wake([lane]);
    this.notify();
  }

  /** One transaction of `publisher`; the others are notified, and it goes by the answer. */
  publishOffered(
    publisher: ModelProcess,
    endpointId: string,
    count: number,
    operation: string | null,
    offer: HandOffOffer | null,
  ): ReturnType<QueueModel['publishOffered']> {
    const ids = this.queue.endpoints.get(endpointId)!.isDeleted
      ? []
      : Array.from({ length: count }, () => this.newId());
    const written = this.queue.publishOffered(endpointId, ids, operation, offer);
    for (const process of this.processes) if (process !== publisher) process.notify();
    return written;
  }

  /** A delivery chosen among all that were ever made. */
  chosen(number: number): string | undefined {
    return this.planned[number % this.planned.length];
  }

  resend(endpoint: number): void {
    if (this.queue.resend(this.endpoints[endpoint]![2], this.nextId())) this.newId();
    this.notify();
  }

  notify(): void {
    this.processes.forEach((process) => process.notify());
  }

  change(endpoint: number, change: (id: string) => void): void {
    const lane = this.endpoints[endpoint]!;
    change(lane[2]);
    this.processes.forEach((process) => process.hearOfChange(lane));
  }

  countAttempt(id: string, number: number): void {
    const key = `${id} ${number}`;
    if (this.attempts.has(key)) this.receivers.violations.push(`an attempt counted twice: ${key}`);
    this.attempts.add(key);
  }

  /** Everything works again; resolves when nothing is left to do, or with what is left after a long time. */
  async heal(): Promise<void> {
    for (const lane of this.endpoints) {
      this.receivers.behave(lane[2], ANSWERS_AT_ONCE);
      if (!this.queue.endpoints.get(lane[2])!.isEnabled) this.queue.endLeftovers();
    }
    for (const process of this.processes) {
      process.faults.length = 0;
      process.publishFaults.length = 0;
      process.goOn();
    }
    // At least once: a publish that takes long may still be on its way.
    for (let passedMs = 0; passedMs < HEALING_MS; passedMs += HEALING_STEP_MS) {
      if (passedMs > 0 && this.queue.pending.size === 0) break;
      if (this.process(0) === undefined) this.startProcess(); // The last one may have been ending.
      await this.time.advance(HEALING_STEP_MS);
      this.queue.endLeftovers();
    }
    await this.time.advance(LAST_REQUESTS_MS);
    for (const process of this.processes) {
      if (process.isAlive && !process.wasFaulty) this.leftRecords.push(...this.queue.recordsOf(process.token));
      process.end();
    }
    await this.time.advance(ENDING_MS);
  }

  /** What a history left that it must not; none: it holds all guarantees. */
  violations(): string[] {
    const { pending, ended } = this.queue;
    const left = [...pending.values()].map((one) => `never ended: ${JSON.stringify(one)}`);
    const lost = this.planned.filter((id) => !pending.has(id) && !ended.has(id)).map((id) => `lost: ${id}`);
    const miscounted = [...ended].filter(
      ([id, { attemptCount }]) => attemptCount > (this.receivers.requests.get(id) ?? 0),
    );
    const unending = this.processes.filter(({ isAlive }) => isAlive);
    return [
      ...this.receivers.violations,
      ...this.leftRecords.map((key) => `recorded as in the air for ever: ${key}`),
      ...unending.map((_, n) => `it does not end: process ${n} of those alive`),
      ...left,
      ...lost,
      ...miscounted.map(([id, { attemptCount }]) => `${attemptCount} attempts counted of ${id}, which had fewer`),
    ];
  }

  stopAll(): void {
    this.processes.forEach((process) => process.kill());
  }

  private nextId(): string {
    return `delivery-${String(this.planned.length + 1).padStart(5, '0')}`;
  }

  private newId(): string {
    const id = this.nextId();
    this.planned.push(id);
    return id;
  }
}
