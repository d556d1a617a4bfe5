import { Injectable } from '@nestjs/common';
import { Listener } from '../database/listener.js';
import { INBOX_CHANNEL } from '../database/wake-up-notices.js';
import { LaneSignals } from '../deliveries/lane-signals.js';
import type { InboxRun } from './inbox-drain.js';
import { PublishNotices } from './publish-notices.js';

/** Where the inbox hears of rows, and whom it tells of what it published. */
@Injectable()
export class InboxWakeUps {
  constructor(
    private readonly listener: Listener,
    private readonly lanes: LaneSignals,
    private readonly notices: PublishNotices,
  ) {}

  onNotice(handler: () => void): void {
    this.listener.on(INBOX_CHANNEL, handler);
  }

  /** After the commit. */
  tell({ lanes, tenants }: InboxRun): void {
    if (lanes.length > 0) this.lanes.wake(lanes);
    this.notices.tell(tenants);
  }
}
