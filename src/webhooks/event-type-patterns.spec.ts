import { ENDPOINT_EVENT_TYPE_PATTERN, matchesType, positionsWithoutType } from './event-type-patterns.js';

describe('event type patterns', () => {
  it.each([
    ['*', 'payment.failed', true],
    ['payment.*', 'payment.failed', true],
    ['payment.*', 'payments.failed', false],
    ['payment.failed', 'payment.failed', true],
    ['payment.failed', 'payment.failed_late', false],
  ])('%s stands for %s: %s', (pattern, type, stands) => {
    expect(matchesType(pattern, type)).toBe(stands);
  });

  it('finds the patterns that stand for no type, built in or registered', () => {
    const patterns = ['*', 'collect.*', 'payment.failed', 'payment.fail', 'payout.*', 'payout.sent'];
    expect(positionsWithoutType(patterns, [])).toEqual([3, 4, 5]);
    expect(positionsWithoutType(patterns, ['payout.sent'])).toEqual([3]);
  });

  it.each(['payment', 'payment.', '*.failed', 'payment.fail*', 'Payment.failed', 'payment.failed.late', '**', ''])(
    'refuses the form %j',
    (text) => {
      expect(ENDPOINT_EVENT_TYPE_PATTERN.test(text)).toBe(false);
    },
  );
});
