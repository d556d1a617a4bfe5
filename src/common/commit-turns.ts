/** More than two would only wait for each other (measured). */
const MAX_AT_ONCE = 2;
/**
 * A second commit at once waits for so much: a call costs PostgreSQL as much as thirty rows, and with 64 publishers of
 * single events two calls in turn took a seventh less of its processor than the same rows in twice as many at once.
 */
const MANY_ROWS = 100;
/** A commit that takes longer may be held up by somebody's lock, which must not hold up the others. */
const PATIENCE_MS = 20;

/** Calls `work` after `delayMs`; what it answers takes that back. */
export type After = (delayMs: number, work: () => void) => () => void;

/** By the process's own timers. */
export const after: After = (delayMs, work) => {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
};

/** When the next group commit may begin: alone, or beside one that is slow or leaves much waiting. */
export class CommitTurns {
  private running = 0;
  private isLate = false;
  private cancelWatch: (() => void) | null = null;

  /** @param onTurn a commit may begin that could not when it was asked */
  constructor(
    private readonly after: After,
    private readonly onTurn: () => void,
  ) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

  /** `rows`: how many wait. After a no, `onTurn` follows, or an `end`. */
  mayBegin(rows: number): boolean {
    if (rows === 0 || this.running === MAX_AT_ONCE) return false;
    if (this.running === 0 || rows >= MANY_ROWS || this.isLate) return true;
    this.cancelWatch ??= this.after(PATIENCE_MS, () => {
      this.isLate = true;
      this.onTurn();
    });
    return false;
  }

  begin(): void {
    this.running += 1;
    this.forget();
  }

  end(): void {
    this.running -= 1;
    this.forget();
  }

  private forget(): void {
    this.isLate = false;
    this.cancelWatch?.();
    this.cancelWatch = null;
  }
}
