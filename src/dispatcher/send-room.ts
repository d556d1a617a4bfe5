/** So many times what may be in the air may be claimed and not settled, so that settling does not hold sending back. */
export const UNSETTLED_FACTOR = 4;

/** Of the concurrency, so much may be kept for publishes under way. */
const RESERVED_SHARE = 0.5;

/** A round of all lanes that wait is to be no longer than so many times the concurrency. */
const ROUND_FACTOR = 2;
/** Of the concurrency, what a lane may get in one turn. */
const TURN_SHARE = 1 / 32;

/** How much of what a process may have in the air is taken, by what is there and by what may come any moment. */
export class SendRoom {
  /** Claimed or handed over, and not settled. */
  inFlight = 0;
  /** Of those, the ones whose request has not ended. */
  sending = 0;
  /** Kept for publishes under way. */
  reserved = 0;
  /** What a claim under way may bring. */
  claiming = 0;

  /** @param concurrency requests in the air */
  constructor(private readonly concurrency: number) {}

  /** Deliveries. */
  get round(): number {
    return this.concurrency * ROUND_FACTOR;
  }

  /**
   * How many deliveries a lane may get in its turn beside so many lanes that wait, even where others get none in the
   * same claim: each lane in a claim, and in the settle of what it gave, has a cost of its own.
   */
  ofTurn(waiting: number): number {
    return Math.floor(Math.min(this.concurrency * TURN_SHARE, this.round / waiting));
  }

  /** For the next claim, when none is under way. */
  get toClaim(): number {
    const unsettled = this.concurrency * UNSETTLED_FACTOR - this.inFlight;
    return Math.min(this.concurrency - this.sending, unsettled) - this.reserved;
  }

  /** Beside what a claim under way may bring. */
  get unclaimed(): number {
    return this.toClaim - this.claiming;
  }

  /** For publishes, at any time: one that waits for a lock keeps its room, and half is left for the others. */
  get toReserve(): number {
    return Math.min(this.unclaimed, Math.floor(this.concurrency * RESERVED_SHARE) - this.reserved);
  }
}
