import { LAST_UUID, uuidAfter, uuidBefore } from './uuid-order.js';

describe('the order of uuids', () => {
  it.each([
    ['0198c0de-0000-7000-8000-000000000001', '0198c0de-0000-7000-8000-000000000002'],
    ['0198c0de-0000-7000-8000-ffffffffffff', '0198c0de-0000-7000-8001-000000000000'],
    ['0198c0de-0000-7fff-ffff-ffffffffffff', '0198c0de-0000-8000-0000-000000000000'],
    ['0000ffff-ffff-ffff-ffff-ffffffffffff', '00010000-0000-0000-0000-000000000000'],
  ])('has %s right before %s', (before, after) => {
    expect([uuidAfter(before), uuidBefore(after)]).toEqual([after, before]);
  });

  it('has nothing behind the last one, nor before the first', () => {
    const first = '00000000-0000-0000-0000-000000000000';
    expect([uuidAfter(LAST_UUID), uuidBefore(first)]).toEqual([LAST_UUID, first]);
  });
});
