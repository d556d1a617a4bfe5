import type { ClaimedDelivery } from '../../../src/deliveries/lane-queue.repository.js';
import { isPausing, paceOutcome } from '../../../src/dispatcher/endpoint-pace.js';
import type { SendResult } from '../../../src/webhooks/sending/webhook-client.js';
import { PaceOracle } from './pace-oracle.js';
import type { QueueModel } from './queue-model.js';
import type { VirtualTime } from './virtual-time.js';

/** Of one process; the endpoints' concurrency holds over all of them. */
export const CONCURRENCY = 6;
export const LANE_CONCURRENCY = 3;
/** What a rate's gate may have saved up, in seconds of it. */
const SAVED_SECONDS = 0.02;

export interface Behaviour {
  /** 0: no answer in time. */
  readonly status: number;
  readonly afterMs: number;
  readonly retryAfterSeconds: number | null;
}

interface InTheAir {
  readonly sender: object;
  readonly token: string;
  readonly delivery: ClaimedDelivery;
  readonly atMs: number;
}

/** All receivers, and what they see: every rule that a request breaks when it begins is noted. */
export class Receivers {
  readonly violations: string[] = [];
  /** Requests begun for each delivery. */
  readonly requests = new Map<string, number>();
  private readonly behaviours = new Map<string, Behaviour>();
  private readonly inTheAir = new Set<InTheAir>();
  /** Attempts begun under each lease. */
  private readonly begun = new Set<string>();
  private readonly paces = new Map<string, PaceOracle>();
  /** When requests of a token to an endpoint began, under one rate. */
  private readonly rated = new Map<string, { rate: number; atMs: number[] }>();

  constructor(
    private readonly time: VirtualTime,
    private readonly queue: QueueModel,
  ) {}

  behave(endpointId: string, behaviour: Behaviour): void {
    this.behaviours.set(endpointId, behaviour);
  }

  /** Resolves with the answer, at once when it is aborted. `rate`: under which it was claimed. */
  take(
    sender: object,
    { token, delivery, rate }: { token: string; delivery: ClaimedDelivery; rate: number | null },
    signal: AbortSignal,
    answer: (atMs: number, work: () => void) => void,
  ): Promise<SendResult> {
    const { status, afterMs, retryAfterSeconds } = this.behaviours.get(delivery.lane[2])!;
    const request: InTheAir = { sender, token, delivery, atMs: this.time.nowMs };
    this.check(request, rate);
    const pace = this.paceOf(request);
    this.inTheAir.add(request);
    this.requests.set(delivery.id, (this.requests.get(delivery.id) ?? 0) + 1);
    const result: SendResult = {
      startedAt: new Date(this.time.nowMs),
      durationMs: afterMs,
      statusCode: status === 0 ? null : status,
      retryAfter: retryAfterSeconds === null ? null : String(retryAfterSeconds),
      error: status === 0 ? { code: 'timeout', message: 'No answer in time.' } : null,
      responseBody: '',
      responseTruncated: false,
    };
    return new Promise((resolve) => {
      const end = () => {
        if (!this.inTheAir.delete(request)) return;
        this.time.touch();
        resolve(result);
      };
      signal.addEventListener('abort', end);
      answer(this.time.nowMs + afterMs, () => {
        const isKnown = this.inTheAir.has(request) && !signal.aborted;
        const pauseMs = isPausing(result) && retryAfterSeconds !== null ? retryAfterSeconds * 1_000 : null;
        // One that was forgotten meanwhile says nothing of the endpoint as it is now.
        if (isKnown && pace === this.paceOf(request))
          pace?.end(paceOutcome(result), request.atMs, this.time.nowMs, pauseMs);
        end();
      });
    });
  }

  /** Its process is dead. */
  drop(sender: object): void {
    for (const request of this.inTheAir) if (request.sender === sender) this.inTheAir.delete(request);
  }

  /** A process heard that an endpoint changed: it has forgotten what it knew of its receiver. */
  forgetPace(token: string, endpointId: string): void {
    this.paces.delete(`${token} ${endpointId}`);
  }

  private paceOf({ token, delivery }: InTheAir): PaceOracle | undefined {
    return this.paces.get(`${token} ${delivery.lane[2]}`);
  }

  private check(request: InTheAir, rate: number | null): void {
    const { sender, token, delivery, atMs } = request;
    const broken = (rule: string) => this.violations.push(`${rule}: ${delivery.id} at ${atMs} ms`);
    const [, , endpointId] = delivery.lane;
    const beside = [...this.inTheAir];
    const own = beside.filter((other) => other.sender === sender && other.token === token);
    const ownToEndpoint = own.filter((other) => other.delivery.lane[2] === endpointId);
    if (own.length >= CONCURRENCY) broken('more in the air than a process may have');
    if (own.some((other) => other.delivery.id === delivery.id)) broken('sent twice at once by one process');
    const attempt = `${token} ${delivery.id} ${delivery.attemptCount}`;
    if (this.begun.has(attempt)) broken('sent twice under one lease');
    this.begun.add(attempt);
    this.checkRate(request, rate, broken);
    const key = `${token} ${endpointId}`;
    if (this.paces.get(key)?.revision !== delivery.revision) this.paces.set(key, new PaceOracle(delivery.revision));
    const since = ownToEndpoint.map((other) => other.atMs);
    const violation = this.paces.get(key)!.violationOf(atMs, since);
    if (violation !== null) broken(violation);
    if (!this.queue.hasLease(token)) return; // Nobody can stop it: its bytes may have left before.
    const valid = beside.filter((other) => this.queue.hasLease(other.token));
    if (valid.some((other) => other.delivery.id === delivery.id)) broken('sent twice at once by two owners');
    if (valid.filter((other) => other.delivery.lane[2] === endpointId).length >= LANE_CONCURRENCY) {
      broken('more in the air than an endpoint may have');
    }
    const pending = this.queue.pending.get(delivery.id);
    if (pending && this.queue.isBehind(pending)) broken('sent before an earlier one of its operation had ended');
  }

  private checkRate({ token, delivery, atMs }: InTheAir, rate: number | null, broken: (rule: string) => void): void {
    if (rate === null) return;
    const key = `${token} ${delivery.lane[2]}`;
    let known = this.rated.get(key);
    if (known?.rate !== rate) this.rated.set(key, (known = { rate, atMs: [] }));
    known.atMs.push(atMs);
    const saved = Math.max(1, rate * SAVED_SECONDS);
    const isOver = known.atMs.some(
      (firstMs, index) => known.atMs.length - index > saved + (rate * (atMs - firstMs)) / 1_000 + 1e-6,
    );
    if (isOver) broken(`more than ${rate} requests a second`);
  }
}
