import fc from 'fast-check';
import { editDistance } from './edit-distance.js';

describe('the distance between two names', () => {
  it.each([
    ['', '', 0],
    ['payment.failed', 'payment.failed', 0],
    ['payment.fail', 'payment.failed', 2],
    ['paymnt.failed', 'payment.failed', 1],
    ['collect', '', 7],
    ['kitten', 'sitting', 3],
  ])('of %j and %j is %d', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  it('is the same both ways and never more than the longer name', () => {
    const name = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        const distance = editDistance(one, other);
        expect(distance).toBe(editDistance(other, one));
        expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length));
        expect(distance === 0).toBe(one === other);
      }),
    );
  });
});
