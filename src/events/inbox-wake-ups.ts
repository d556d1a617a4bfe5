import { Injectable } from '@nestjs/common';
import { Listener } from '../database/listener.js';
import { LaneSignals } from '../deliveries/lane-signals.js';

/** Where the inbox hears of rows, and whom it tells of lanes. */
@Injectable()
export class InboxWakeUps {
  constructor(
    private readonly listener: Listener,
    private readonly lanes: LaneSignals,
  ) {}

  onNotice(handler: () => void): void {
    this.listener.on('signalpost_inbox', handler);
  }

  wakeLanes(lanes: Parameters<LaneSignals['wake']>[0]): void {
    this.lanes.wake(lanes);
  }
}
