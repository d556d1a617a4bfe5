import { assertSignaturesHold } from '../support/signature-properties.js';

describe('signatures of 100,000 generated bodies', () => {
  it('verify with every live secret, and with nothing changed by a bit', () => {
    assertSignaturesHold(100_000);
  });
});
