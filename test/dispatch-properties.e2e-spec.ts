import { assertHistoriesHold } from './support/dispatch-model/histories.js';

describe('the core of the dispatcher', () => {
  it('keeps every guarantee in 1,000 random histories of faults, on a virtual clock', async () => {
    await assertHistoriesHold(1_000);
  }, 180_000);
});
