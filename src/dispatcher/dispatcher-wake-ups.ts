import { Injectable } from '@nestjs/common';
import { Listener } from '../database/listener.js';
import { isOwnNotice, PUBLISH_CHANNEL } from '../database/publish-notice.js';
import { LANES_CHANNEL } from '../database/wake-up-notices.js';
import { HandOffs, type HandOffSource } from '../deliveries/hand-offs.js';
import { type LaneId, LaneSignals } from '../deliveries/lane-signals.js';
import { ENDPOINT_CHANGES_CHANNEL } from '../webhooks/webhook-endpoints.repository.js';

/** Where a dispatcher hears of work: commits of this process, and notifications of others. */
@Injectable()
export class DispatcherWakeUps {
  private endings: (() => void)[] = [];

  constructor(
    private readonly signals: LaneSignals,
    private readonly handOffs: HandOffs,
    private readonly listener: Listener,
  ) {}

  subscribe(
    onLanes: Parameters<LaneSignals['onWake']>[0],
    onNotice: () => Promise<void>,
    onEndpointChange: (lane: LaneId) => void,
    onPublish: HandOffSource,
  ): void {
    this.endings = [
      this.signals.onWake(onLanes),
      this.handOffs.serve(onPublish),
      // A commit of this process has told its lanes already.
      this.listener.on(PUBLISH_CHANNEL, (notice) => {
        if (!isOwnNotice(notice)) void onNotice();
      }),
      this.listener.on(LANES_CHANNEL, () => void onNotice()),
      this.listener.on(ENDPOINT_CHANGES_CHANNEL, (payload) => onEndpointChange(JSON.parse(payload) as LaneId)),
    ];
  }

  unsubscribe(): void {
    this.endings.splice(0).forEach((end) => end());
  }
}
