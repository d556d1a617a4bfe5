import fc from 'fast-check';
import {
  EndpointPace,
  FAILURES_TO_OPEN,
  FIRST_OPEN_MS,
  isPausing,
  MAX_OPEN_MS,
  type PaceOutcome,
  paceOutcome,
  START_CONCURRENCY,
} from './endpoint-pace.js';

const MAX = 16;

describe('EndpointPace', () => {
  let pace: EndpointPace;
  let nowMs: number;
  beforeEach(() => {
    pace = new EndpointPace(MAX);
    nowMs = 0;
  });

  /** An attempt that began after the last one ended. */
  const attempt = (outcome: PaceOutcome, count = 1, pauseMs: number | null = null) => {
    for (let n = 0; n < count; n++) {
      const sentAtMs = nowMs;
      nowMs += 1;
      pace.record({ outcome, sentAtMs, pauseMs }, nowMs);
    }
  };
  const open = () => {
    attempt('failed', FAILURES_TO_OPEN);
    expect(pace.stateAt(nowMs)).toBe('open');
  };
  const probe = (outcome: PaceOutcome) => {
    nowMs += pace.waitMs(nowMs);
    expect([pace.stateAt(nowMs), pace.room(nowMs, 0), pace.room(nowMs, 1)]).toEqual(['half_open', 1, 0]);
    attempt(outcome);
  };

  describe('concurrency', () => {
    it('begins low and doubles with each round of successes while nothing is wrong', () => {
      expect(pace.room(nowMs, 1)).toBe(START_CONCURRENCY - 1);
      attempt('succeeded', START_CONCURRENCY);
      expect(pace.concurrency).toBe(2 * START_CONCURRENCY);
      attempt('succeeded', MAX);
      expect(pace.concurrency).toBe(MAX);
    });

    it('halves when the receiver is slow, but not below 1', () => {
      attempt('succeeded', MAX);
      const seen = Array.from({ length: 6 }, () => {
        attempt('slow');
        return pace.concurrency;
      });
      expect(seen).toEqual([8, 4, 2, 1, 1, 1]);
    });

    it('halves once for all requests that were in the air together', () => {
      attempt('succeeded', MAX);
      const sentAtMs = nowMs;
      nowMs += 100;
      for (let n = 0; n < 8; n++) pace.record({ outcome: 'slow', sentAtMs, pauseMs: null }, nowMs + n);
      expect(pace.concurrency).toBe(8);
    });

    it('recovers by one with each round of successes', () => {
      attempt('succeeded', MAX);
      attempt('slow', 2);
      const seen = Array.from({ length: 9 }, () => {
        attempt('succeeded');
        return pace.concurrency;
      });
      expect(seen).toEqual([4, 4, 4, 5, 5, 5, 5, 5, 6]);
    });

    it('is not changed by failures that do not come from load', () => {
      attempt('failed', 3);
      attempt('answered', 3);
      expect(pace.concurrency).toBe(START_CONCURRENCY);
    });
  });

  describe('circuit', () => {
    it('opens after a run of failures; a success before ends the run, a refusal does not', () => {
      attempt('failed', FAILURES_TO_OPEN - 1);
      attempt('succeeded');
      attempt('slow', FAILURES_TO_OPEN - 1);
      attempt('answered');
      expect(pace.stateAt(nowMs)).toBe('closed');
      attempt('failed');
      expect([pace.stateAt(nowMs), pace.room(nowMs, 0), pace.waitMs(nowMs)]).toEqual(['open', 0, FIRST_OPEN_MS]);
    });

    it('probes with one delivery, and waits twice as long after each that fails, to a limit', () => {
      open();
      const waits = Array.from({ length: 8 }, () => {
        const wait = pace.waitMs(nowMs);
        probe('slow');
        return wait;
      });
      expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, MAX_OPEN_MS, MAX_OPEN_MS, MAX_OPEN_MS]);
    });

    it.each(['succeeded', 'answered'] as const)('closes when a probe is %s, and grows from 1 again', (outcome) => {
      attempt('succeeded', MAX);
      open();
      probe(outcome);
      const seen = [pace.concurrency];
      for (let round = 0; round < 3; round++) {
        attempt('succeeded', pace.concurrency);
        seen.push(pace.concurrency);
      }
      expect([pace.stateAt(nowMs), seen]).toEqual(['closed', [1, 2, 3, 4]]);
    });

    it('does not take requests for probes that began before it opened', () => {
      open();
      const before = pace.waitMs(nowMs);
      pace.record({ outcome: 'slow', sentAtMs: 0, pauseMs: null }, nowMs);
      expect(pace.waitMs(nowMs)).toBe(before);
    });

    it('is not opened again by requests that began before it closed', () => {
      open();
      probe('succeeded');
      for (let n = 0; n < FAILURES_TO_OPEN; n++) pace.record({ outcome: 'slow', sentAtMs: 0, pauseMs: null }, nowMs);
      expect(pace.stateAt(nowMs)).toBe('closed');
    });
  });

  it('waits for as long as the receiver asks on behalf of all, to a limit', () => {
    attempt('slow', 1, 7_000);
    expect([pace.room(nowMs, 0), pace.waitMs(nowMs)]).toEqual([0, 7_000]);
    nowMs += 7_000;
    expect(pace.room(nowMs, 0)).toBe(2);
    attempt('slow', 1, 86_400_000);
    expect(pace.waitMs(nowMs)).toBe(MAX_OPEN_MS);
  });

  it('whatever happened: stays within its bounds, lets one probe at most, and comes back to full speed', () => {
    const step = fc.record({
      outcome: fc.constantFrom<PaceOutcome>('succeeded', 'slow', 'failed', 'answered'),
      sentAgoMs: fc.nat(40_000),
      tookMs: fc.nat(5_000),
      pauseMs: fc.option(fc.nat(200_000)),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(step, { maxLength: 120 }), (max, steps) => {
        const paced = new EndpointPace(max);
        let atMs = 0;
        for (const { outcome, sentAgoMs, tookMs, pauseMs } of steps) {
          atMs += tookMs;
          const before = paced.concurrency;
          paced.record({ outcome, sentAtMs: atMs - sentAgoMs, pauseMs }, atMs);
          const { concurrency } = paced;
          if (concurrency < 1 || concurrency > max || concurrency > Math.max(before + 1, START_CONCURRENCY))
            return false;
          if (paced.waitMs(atMs) > MAX_OPEN_MS) return false;
          if (paced.stateAt(atMs) !== 'closed' && paced.room(atMs, 0) > 1) return false;
          if (paced.waitMs(atMs) > 0 && paced.room(atMs, 0) > 0) return false;
        }
        // One after another, each when it may: a round has at most `max`, and there are `max` rounds.
        for (let n = 0; n <= max * max + 1; n++) {
          atMs += paced.waitMs(atMs);
          if (paced.room(atMs, 0) < 1) return false;
          paced.record({ outcome: 'succeeded', sentAtMs: atMs, pauseMs: null }, atMs);
        }
        return paced.concurrency === max && paced.stateAt(atMs) === 'closed';
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what an attempt says of its receiver', () => {
  const status = (statusCode: number) => paceOutcome({ statusCode, error: null });
  const error = (code: 'timeout' | 'reset' | 'connect' | 'dns' | 'tls' | 'protocol') =>
    paceOutcome({ statusCode: 200, error: { code, message: '' } });

  it('is told by its status, or by its error, whatever status stands beside it', () => {
    expect([200, 204, 299].map(status)).toEqual(Array(3).fill('succeeded'));
    expect([429, 502, 503, 504].map(status)).toEqual(Array(4).fill('slow'));
    expect([408, 500, 501, 505, 599].map(status)).toEqual(Array(5).fill('failed'));
    expect([301, 400, 401, 404, 410, 422].map(status)).toEqual(Array(6).fill('answered'));
    expect((['timeout', 'reset', 'connect'] as const).map(error)).toEqual(Array(3).fill('slow'));
    expect((['dns', 'tls', 'protocol'] as const).map(error)).toEqual(Array(3).fill('failed'));
  });

  it('pauses the endpoint only with 429 and 503', () => {
    expect([429, 503, 500, 502, 301].map((statusCode) => isPausing({ statusCode, error: null }))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
