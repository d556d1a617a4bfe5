import { Injectable } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';

export type LaneId = readonly [accountId: string, mode: Mode, endpointId: string];

/**
 * Tells the dispatcher of this process, if it has one, which lanes a commit of this process gave work to: the way
 * without a round trip. Other processes learn it from NOTIFY or from their poll, so a signal may be lost.
 */
@Injectable()
export class LaneSignals {
  private readonly listeners = new Set<(lanes: readonly LaneId[]) => void>();

  wake(lanes: readonly LaneId[]): void {
    for (const listener of this.listeners) listener(lanes);
  }

  /** @returns what ends the subscription. */
  onWake(listener: (lanes: readonly LaneId[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
