import { Injectable, Logger } from '@nestjs/common';
import { LaneQueueRepository, type ClaimedDelivery } from '../deliveries/lane-queue.repository.js';
import { after } from '../common/commit-turns.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { SettleEffect, Settlement } from '../deliveries/settle-arguments.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import { AttemptObserver } from './attempt-observer.js';
import { DeliverySender } from './delivery-sender.js';
import type { SessionPorts } from './dispatch-session.js';
import { longestWaitMs } from './retry-schedule.js';
import { EndpointCache, type Recipient } from './endpoint-cache.js';
import { UnsendableDeliveries } from './unsendable-deliveries.js';

/** The real world behind a session: PostgreSQL, the network, chance. */
@Injectable()
export class DispatchPorts implements SessionPorts {
  readonly after = after;
  private readonly logger = new Logger('Dispatcher');

  constructor(
    readonly queue: LaneQueueRepository,
    private readonly endpoints: EndpointCache,
    private readonly sender: DeliverySender,
    private readonly observer: AttemptObserver,
    private readonly unsendable: UnsendableDeliveries,
  ) {}

  findRecipient(lane: LaneId, revision: number): Promise<Recipient | null> {
    return this.endpoints.find(lane, revision);
  }

  send(delivery: ClaimedDelivery, settings: EndpointSettings, signal: AbortSignal): Promise<SendResult> {
    return this.sender.send(delivery, settings, signal);
  }

  async endUnsendable({ lane, id }: ClaimedDelivery): Promise<void> {
    await this.unsendable.end([{ accountId: lane[0], mode: lane[1], id }]);
  }

  onClaim(deliveries: number): void {
    this.observer.countClaim(deliveries);
  }

  onHandOff(deliveries: number): void {
    this.observer.countHandOff(deliveries);
  }

  onAttempt(delivery: ClaimedDelivery, result: SendResult, settlement: Settlement, effect: SettleEffect): void {
    this.observer.observe(delivery, result, settlement, effect);
  }

  onDead(lane: LaneId, reason: 'gone' | 'failing', revision: number): void {
    void this.observer.disable(lane, reason, { revision });
  }

  onProbeFailed({ accountId, mode, id, revision, retrySchedule }: EndpointSettings): void {
    const failingForMs = longestWaitMs(retrySchedule);
    void this.observer.disable([accountId, mode, id], 'failing', { revision: Number(revision), failingForMs });
  }

  onError(error: unknown, doing: string): void {
    this.logger.error(
      `Could not ${doing}; it is tried again: ${error instanceof Error ? error.message : String(error)}`,
    );
  }

  random(): number {
    return Math.random();
  }
}
