import { RateGate } from './rate-gate.js';

describe('RateGate', () => {
  /** Passes all that may pass, looking every `stepMs`; how many passed in `forMs`. */
  const passedIn = (gate: RateGate, forMs: number, stepMs: number): number => {
    let passed = 0;
    for (let nowMs = stepMs; nowMs <= forMs; nowMs += stepMs) {
      const count = gate.available(nowMs);
      gate.take(count, nowMs);
      passed += count;
    }
    return passed;
  };

  it('begins empty, as nobody knows what an earlier owner sent', () => {
    const gate = new RateGate(10, 0);
    expect(gate.available(0)).toBe(0);
    expect(gate.waitMs()).toBe(100);
  });

  it.each([1, 10, 500])('passes %i a second over a long time', (perSecond) => {
    expect(passedIn(new RateGate(perSecond, 0), 20_000, 1)).toBe(perSecond * 20);
  });

  it('saves nothing up for a burst', () => {
    expect(new RateGate(10, 0).available(60_000)).toBe(1);
    expect(new RateGate(500, 0).available(60_000)).toBe(10);
  });

  it('gives nothing on top for the time that a claim took', () => {
    const gate = new RateGate(5, 0);
    expect(gate.available(200)).toBe(1);
    gate.take(1, 1_700);
    expect(gate.available(1_700)).toBe(0);
  });

  it('keeps those apart that were held up together on their way', () => {
    const gate = new RateGate(5, 0);
    expect([3_000, 3_000, 3_100, 3_600, 9_000].map((nowMs) => gate.leave(nowMs))).toEqual([0, 200, 300, 0, 0]);
  });

  it('lets as many leave together as it may save up', () => {
    const gate = new RateGate(100, 0);
    expect([0, 0, 0].map((nowMs) => gate.leave(nowMs))).toEqual([0, 0, 10]);
  });

  it('tells how long the next one has to wait', () => {
    const gate = new RateGate(4, 0);
    expect(gate.available(250)).toBe(1);
    expect(gate.waitMs()).toBe(0);
    gate.take(1, 250);
    gate.available(300);
    expect(gate.waitMs()).toBeCloseTo(200);
  });
});
