import type { Settlement } from './settle-arguments.js';
import { settleArguments } from './settle-arguments.js';

const settlement = (endpointId: string, deliveryId: string, failingBegins: boolean | null): Settlement => ({
  lane: ['account', 'live', endpointId],
  deliveryId,
  revision: 1,
  number: 1,
  attempt: {
    startedAt: new Date(0),
    durationMs: 1,
    outcome: 'succeeded',
    statusCode: 200,
    errorCode: null,
    errorMessage: null,
    responseBody: '',
    responseTruncated: false,
  },
  next: { end: 'succeeded', reason: null },
  failingBegins,
  disable: null,
  log: null,
  systemEvent: null,
});

describe('what a settle locks', () => {
  it('is each delivery in the order of the ids, whatever order they ended in', () => {
    const [, order] = settleArguments([
      settlement('b', '3', null),
      settlement('a', '1', null),
      settlement('a', '2', null),
    ]);
    expect(order).toEqual([2, 3, 1]);
  });

  // Two settles that share an endpoint's lock and then both want it alone would wait for each other for ever.
  it.each([
    ['first', [true, null]],
    ['last', [null, false]],
  ])('is an endpoint once, and for itself alone when what it said %s changes it', (_place, said) => {
    const settlements = said.map((failingBegins, n) => settlement('b', `${n}`, failingBegins));
    const [, , endpoints] = settleArguments([...settlements, settlement('a', '9', null)]);
    expect(endpoints).toEqual([
      { account_id: 'account', mode: 'live', id: 'a', is_changed: false },
      { account_id: 'account', mode: 'live', id: 'b', is_changed: true },
    ]);
  });
});
