import { randomInt } from 'node:crypto';
import { assertHistoriesHold } from '../support/dispatch-model/histories.js';

const HISTORIES = 100_000;
const SLICE = 2_000;

describe('the core of the dispatcher', () => {
  it('keeps every guarantee in 100,000 random histories of faults, on a virtual clock', async () => {
    const seed = randomInt(2 ** 30);
    // Told as they come: a run that is cut short has shown something too, and a seed repeats its slice.
    for (let held = 0; held < HISTORIES; held += SLICE) {
      process.stderr.write(
        `${held.toLocaleString('en-US')} histories held; the next ${SLICE} have seed ${seed + held}\n`,
      );
      await assertHistoriesHold(SLICE, seed + held);
    }
    process.stderr.write(`${HISTORIES.toLocaleString('en-US')} histories held\n`);
  });
});
