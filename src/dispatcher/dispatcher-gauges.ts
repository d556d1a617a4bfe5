import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Clock } from '../common/clock.js';
import { Metrics } from '../common/metrics/metrics.js';
import { QueueStateRepository, type QueueState } from '../deliveries/queue-state.repository.js';
import { Dispatcher } from './dispatcher.js';

/** The queue is looked at no more often than this, whoever scrapes. */
const QUEUE_STATE_MS = 10_000;

/** What this process's dispatcher holds, and how long the queue is, at the moment somebody looks. */
@Injectable()
export class DispatcherGauges {
  private readonly logger = new Logger(DispatcherGauges.name);
  private queueState: Promise<QueueState | null> | null = null;
  private readAtMs = -Infinity;

  constructor(
    private readonly metrics: Metrics,
    private readonly repository: QueueStateRepository,
    private readonly clock: Clock,
    dispatcher: Dispatcher,
  ) {
    this.gauge('dispatcher_in_flight', 'Deliveries of this process in the air.', () => dispatcher.sending);
    this.gauge(
      'dispatcher_unsettled',
      'Deliveries this process has taken and not settled: those in the air, and those whose result is not written yet.',
      () => dispatcher.inFlight,
    );
    this.gauge('dispatcher_concurrency', 'Requests this process may have in the air.', () => dispatcher.concurrency);
    this.gauge('dispatcher_lanes', 'Lanes that this process holds.', () => dispatcher.ownedLanes);
    this.gauge(
      'dispatcher_open_circuits',
      'Endpoints with a circuit that is not closed.',
      () => dispatcher.openCircuits,
    );
    new Counter({
      name: 'dispatcher_lease_losses_total',
      help: 'Leases of this process that ran out before they were extended.',
      registers: [metrics.registry],
      collect() {
        this.reset();
        this.inc(dispatcher.leaseLosses);
      },
    });
    this.gauge('webhook_backlog', 'Unfinished deliveries of all accounts.', async () => (await this.read())?.backlog);
    this.gauge(
      'webhook_oldest_due_seconds',
      'How long the first due delivery has been due, throttled ones and those of dead endpoints included, those of suspended accounts not.',
      async () => (await this.read())?.oldestDueSeconds,
    );
  }

  private gauge(name: string, help: string, read: () => number | Promise<number | undefined>): void {
    new Gauge({
      name,
      help,
      registers: [this.metrics.registry],
      async collect() {
        const value = await read();
        if (value === undefined) this.reset();
        else this.set(value);
      },
    });
  }

  /** Null while the database does not answer: no figure is better than an old one. */
  private read(): Promise<QueueState | null> {
    const nowMs = this.clock.monotonicMs();
    if (this.queueState === null || nowMs - this.readAtMs >= QUEUE_STATE_MS) {
      this.readAtMs = nowMs;
      this.queueState = this.repository.read().catch((error: unknown) => {
        this.logger.warn(`The queue could not be measured: ${(error as Error).message}`);
        return null;
      });
    }
    return this.queueState;
  }
}
