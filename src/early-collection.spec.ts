import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectEarly } from './early-collection.js';

it('what nobody holds when the service is loaded is collected at once', async () => {
  const left = new WeakRef({ of: 'the start' });
  // What a WeakRef was made from is held until the turn ends.
  await nextTurn();

  collectEarly();

  expect(left.deref()).toBeUndefined();
});
