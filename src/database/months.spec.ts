import { firstUuidAt } from '../common/ids.js';
import { LAST_UUID } from '../common/uuid-order.js';
import { nearestMonth, wholeMonth } from './months.js';

const NOW_MS = Date.UTC(2026, 5, 15);
const at = (month: number, day = 1): string => firstUuidAt(Date.UTC(2026, month, day));

describe('the whole month of the nearest part of a range', () => {
  it.each([
    ['down', 'the present month, which is open', at(2, 10), LAST_UUID, { from: at(5), until: null }],
    ['down', 'a month that is over', at(2, 10), at(4, 20), { from: at(4), until: at(5) }],
    ['down', 'the month before a bound', at(2, 10), at(4), { from: at(3), until: at(4) }],
    ['down', 'the month that the range begins in', at(2, 10), at(2, 12), { from: at(2), until: at(3) }],
    ['up', 'a month that is over', at(2, 10), LAST_UUID, { from: at(2), until: at(3) }],
    ['up', 'the present month, which is open', at(5, 3), LAST_UUID, { from: at(5), until: null }],
    ['up', 'a month to come, which is open', at(6, 3), LAST_UUID, { from: at(6), until: null }],
  ])('%s: %s', (direction, _name, from, until, month) => {
    const near = nearestMonth({ from, until }, direction === 'up', NOW_MS);
    expect(wholeMonth(near, NOW_MS)).toEqual(month);
    expect(near.from >= month.from && (month.until === null || near.until <= month.until)).toBe(true);
  });
});
