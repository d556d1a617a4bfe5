import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/caller.js';
import type { ClaimedDelivery } from './lane-queue.repository.js';
import type { LaneId } from './lane-signals.js';

/** What a publish planned for a lane that was offered. */
export interface HandedLane {
  readonly lane: LaneId;
  /** The lane's generation after the publish. */
  readonly gen: string;
  /** The first of what was planned for the lane, in the order of the queue; as many as its room took. */
  readonly deliveries: readonly ClaimedDelivery[];
  /** Whether that is all that was planned for it. */
  readonly isAll: boolean;
}

/** A ledger of a publish, with how many events it gets. */
export interface PlannedLedger {
  readonly tenant: Tenant;
  readonly count: number;
}

/**
 * Room that a dispatcher keeps in its lanes for one publish, which tells it once, in one of three ways, how it ended.
 */
export interface HandOffOffer {
  /** Of the dispatcher's lease: only lanes that it owns take anything. */
  readonly token: string;
  /** The batch that records what was handed over. */
  readonly batch: number;
  readonly lanes: readonly { readonly lane: LaneId; readonly room: number }[];
  /** It is committed. */
  readonly accept: (handed: readonly HandedLane[]) => void;
  /** Nothing was written. */
  readonly decline: () => void;
  /** Nobody knows whether it was committed. */
  readonly abandon: () => void;
}

/** Room in the lanes of these ledgers; null: there is none. */
export type HandOffSource = (ledgers: readonly PlannedLedger[]) => HandOffOffer | null;

/**
 * From a publish to the dispatcher of the same process, if it has one, without the way over the queue: what a commit
 * plans for a lane that this process owns is in memory already, so it needs no claim to read it back.
 */
@Injectable()
export class HandOffs {
  private source: HandOffSource | null = null;

  offer(ledgers: readonly PlannedLedger[]): HandOffOffer | null {
    return this.source?.(ledgers) ?? null;
  }

  /** @returns what ends it. */
  serve(source: HandOffSource): () => void {
    this.source = source;
    return () => (this.source = null);
  }
}
