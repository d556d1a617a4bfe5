import { assertHistoriesHold } from './support/dispatch-model/histories.js';

describe('the core of the dispatcher', () => {
  it('keeps every guarantee in 1,000 random histories of faults, on a virtual clock', async () => {
    // The same ones each time, for a change must not fail by chance; other ones are drawn by the long form.
    await assertHistoriesHold(1_000, 1);
  }, 180_000);
});
