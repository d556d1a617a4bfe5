import { runSchedule } from './retry-runs.js';
import { DEFAULT_WAITS_SECONDS, RETRY_WINDOW_MS } from './retry-schedule.js';

const RUNS = 1_000;
const DAY_SECONDS = 86_400;

describe('the retry schedule over 1,000 runs', () => {
  const runs = Array.from({ length: RUNS }, () => runSchedule(null, Math.random));

  it('keeps each wait within 20 % of what is documented, and uses that room', () => {
    const longest = Math.max(...runs.map((waits) => waits.length));
    for (let step = 0; step < longest; step++) {
      const plannedMs = (DEFAULT_WAITS_SECONDS[step] ?? DAY_SECONDS) * 1_000;
      const waits = runs.flatMap((run) => run[step] ?? []);
      for (const waitMs of waits) expect(Math.abs(waitMs / plannedMs - 1)).toBeLessThanOrEqual(0.2 + 1e-9);
      if (waits.length < RUNS) continue; // Those that go on are the ones that waited less.
      expect(Math.min(...waits) / plannedMs).toBeLessThan(0.85);
      expect(Math.max(...waits) / plannedMs).toBeGreaterThan(1.15);
    }
  });

  it('begins no attempt later than eight days after the first, and gives up no more than a wait before', () => {
    for (const waits of runs) {
      const totalMs = waits.reduce((sum, waitMs) => sum + waitMs, 0);
      expect(totalMs).toBeLessThanOrEqual(RETRY_WINDOW_MS);
      expect(totalMs).toBeGreaterThan(RETRY_WINDOW_MS - 1.2 * DAY_SECONDS * 1_000 - 60_000);
    }
  });

  it.each([[[691_200]], [[345_600, 345_600]], [[600_000, 91_200]], [[691_190, 10]], [Array<number>(20).fill(34_560)]])(
    'makes all retries of %j, which fill the eight days, within them and within 20 %',
    (schedule) => {
      for (const random of [() => 0, () => 0.9, () => 0.999_999, Math.random]) {
        const waits = runSchedule(schedule, random);
        expect(waits).toHaveLength(schedule.length);
        expect(waits.reduce((sum, waitMs) => sum + waitMs, 0)).toBeLessThanOrEqual(RETRY_WINDOW_MS);
        waits.forEach((waitMs, index) =>
          expect(Math.abs(waitMs / (schedule[index]! * 1_000) - 1)).toBeLessThanOrEqual(0.2 + 1e-9),
        );
      }
    },
  );

  it("ends with an endpoint's own waits, whatever the window", () => {
    for (let run = 0; run < RUNS; run++) {
      const waits = runSchedule([10, 60], Math.random);
      expect(waits).toHaveLength(2);
      expect(waits[0]!).toBeGreaterThanOrEqual(8_000);
      expect(waits[0]!).toBeLessThanOrEqual(12_000);
      expect(waits[1]!).toBeGreaterThanOrEqual(48_000);
      expect(waits[1]!).toBeLessThanOrEqual(72_000);
    }
  });
});
