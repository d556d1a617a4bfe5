/** So many times what may be in the air may be claimed and not settled, so that settling does not hold sending back. */
export const UNSETTLED_FACTOR = 4;

/** Of the concurrency, so much may be kept for publishes under way. */
const RESERVED_SHARE = 0.5;

/** What a long turn is at most: of the concurrency, of what a claim may bring, and together with those of all others. */
const LONG_TURN_OF_CONCURRENCY = 1 / 32;
const LONG_TURN_OF_CLAIM = 1 / 8;
const LONG_ROUND_OF_CONCURRENCY = 2;

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

  /**
   * How many deliveries a lane with a long queue gets in its turn where an even share is less. Each lane in a claim, and
   * in the settle of what it gave, has a cost of its own; so some lanes get several, and the others their turn later.
   *
   * @param countWaiting the lanes that wait for their turn, counted no further than its argument
   */
  longTurn(capacity: number, countWaiting: (most: number) => number): number {
    const round = this.concurrency * LONG_ROUND_OF_CONCURRENCY;
    const mostBeside = round / Math.max(1, countWaiting(round));
    const most = Math.min(this.concurrency * LONG_TURN_OF_CONCURRENCY, capacity * LONG_TURN_OF_CLAIM, mostBeside);
    return Math.floor(most);
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
