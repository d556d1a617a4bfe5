import { RepeatedWarning } from './repeated-warning.js';

describe('RepeatedWarning', () => {
  it('is told at once, then after pauses that double up to a minute, and at once again when the trouble was over', () => {
    const told: string[] = [];
    let nowMs = 0;
    const warning = new RepeatedWarning((message) => told.push(`${nowMs / 1_000} s ${message}`), {
      monotonicMs: () => nowMs,
    });
    for (; nowMs <= 200_000; nowMs += 1_000) warning.warn('away');
    expect(told.map((line) => line.split(' (')[0])).toEqual(
      [0, 1, 3, 7, 15, 31, 63, 123, 183].map((second) => `${second} s away`),
    );
    expect(told[3]).toBe('7 s away (and 3 times before)');
    warning.clear();
    warning.warn('away again');
    expect(told.at(-1)).toBe('201 s away again');
    nowMs += 300_000;
    warning.warn('long after');
    nowMs += 1_000;
    warning.warn('soon after that');
    expect(told.slice(-2)).toEqual(['501 s long after', '502 s soon after that']);
  });
});
