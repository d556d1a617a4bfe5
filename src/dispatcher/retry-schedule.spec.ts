import {
  DEFAULT_WAITS_SECONDS,
  nextWaitMs,
  parseRetryAfter,
  RETRY_WINDOW_MS,
  type RetryInput,
} from './retry-schedule.js';

const failed = (input: Partial<RetryInput> = {}): RetryInput => ({
  attemptNumber: 1,
  elapsedMs: 0,
  schedule: null,
  retryAfterMs: null,
  random: 0.5,
  ...input,
});

describe('the retry schedule', () => {
  it('waits as documented, then daily until eight days after the first attempt', () => {
    const waits: number[] = [];
    let elapsedMs = 0;
    for (let attemptNumber = 1; ; attemptNumber++) {
      const waitMs = nextWaitMs(failed({ attemptNumber, elapsedMs }));
      if (waitMs === null) break;
      waits.push(waitMs / 1_000);
      elapsedMs += waitMs;
    }
    expect(waits).toEqual([...DEFAULT_WAITS_SECONDS, ...Array.from({ length: 7 }, () => 86_400)]);
    expect(elapsedMs).toBeLessThanOrEqual(RETRY_WINDOW_MS);
  });

  it('moves each wait by at most 20 %', () => {
    expect(nextWaitMs(failed({ random: 0 }))).toBeCloseTo(4_000);
    expect(nextWaitMs(failed({ random: 0.999999 }))).toBeCloseTo(6_000, 0);
  });

  it("follows an endpoint's own waits and ends with them", () => {
    expect(nextWaitMs(failed({ schedule: [7] }))).toBe(7_000);
    expect(nextWaitMs(failed({ schedule: [7], attemptNumber: 2 }))).toBeNull();
    expect(nextWaitMs(failed({ schedule: [] }))).toBeNull();
  });

  it('tries a delivery that was held up once more at the end of the eight days, and not after it', () => {
    const schedule = [345_600, 345_600];
    const attempt = (elapsedMs: number) => nextWaitMs(failed({ schedule, attemptNumber: 2, elapsedMs, random: 0 }));
    expect(attempt(RETRY_WINDOW_MS - 60_000)).toBe(60_000);
    expect(attempt(RETRY_WINDOW_MS)).toBeNull();
  });

  it('leaves time for the longest requests between waits that fill the eight days', () => {
    const schedule = [691_190, 10];
    const first = nextWaitMs(failed({ schedule, elapsedMs: 30_000, random: 0.9 }))!;
    expect(nextWaitMs(failed({ schedule, attemptNumber: 2, elapsedMs: first + 60_000, random: 0.9 }))).toBe(10_000);
  });

  it('honours a later Retry-After to 24 hours, unshortened by jitter, and ignores an earlier one', () => {
    expect(nextWaitMs(failed({ retryAfterMs: 60_000, random: 0 }))).toBe(60_000);
    expect(nextWaitMs(failed({ retryAfterMs: 1_000 }))).toBe(5_000);
    expect(nextWaitMs(failed({ retryAfterMs: 40 * 86_400_000 }))).toBe(86_400_000);
  });

  it('reads seconds and dates, and nothing else', () => {
    const now = Date.parse('2026-11-02T21:00:00Z');
    expect(parseRetryAfter('120', now)).toBe(120_000);
    expect(parseRetryAfter('Mon, 02 Nov 2026 21:01:00 GMT', now)).toBe(60_000);
    expect(parseRetryAfter('Mon, 02 Nov 2026 20:00:00 GMT', now)).toBe(0);
    for (const other of ['', 'soon', '-5', '1.5', '2026-11-02T22:00:00Z', '9'.repeat(30)]) {
      expect(parseRetryAfter(other, now)).toBeNull();
    }
    expect(parseRetryAfter(null, now)).toBeNull();
  });
});
