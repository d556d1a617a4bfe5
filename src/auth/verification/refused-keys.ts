const KEPT_MS = 60_000;

/**
 * Keys that were just looked up and proved wrong, so that a fleet with a stale key costs no look-up for each request.
 * A key that is unknown cannot become a good one: it is told to nobody before it is stored. Bounded, the oldest goes
 * first.
 */
export class RefusedKeys {
  private readonly refusedUntilMs = new Map<string, number>();

  constructor(private readonly maximumKeys = 10_000) {}

  has(cacheKey: string, nowMs: number): boolean {
    const untilMs = this.refusedUntilMs.get(cacheKey);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.refusedUntilMs.delete(cacheKey);
    return false;
  }

  add(cacheKey: string, nowMs: number): void {
    if (this.refusedUntilMs.size >= this.maximumKeys)
      this.refusedUntilMs.delete(this.refusedUntilMs.keys().next().value!);
    this.refusedUntilMs.set(cacheKey, nowMs + KEPT_MS);
  }
}
