import { logText } from './log-words.js';

describe('the text that a log is found by', () => {
  it('has no card’s number and no key of its operation’s reference, and what is left of them', () => {
    const secret = `sk_live_${'a1B2'.repeat(12)}`;
    const text = logText({ operationId: 'col_1', reference: `4111 1111 1111 1111 ${secret}`, description: 'Paid' });
    expect(text).toBe(' col 1 1111 sk live paid');
  });

  it('begins with the operation, so that no long description cuts it off', () => {
    expect(logText({ operationId: 'col_93d8', reference: null, description: '\ufdfa'.repeat(1_000) })).toMatch(
      /^ col 93d8 /,
    );
  });
});
