import { Fleet } from './support/fleet.js';
import { proveStorm } from './support/storm-proof.js';

describe('32 publishers over processes that are killed, connections that are cut and transactions that roll back', () => {
  afterAll(() => Fleet.stopAll());

  it('leave no gap and no repeat, lose nothing that was acknowledged, and hide nothing from a reader', async () => {
    const { unanswered, failed } = await proveStorm({ processes: 3, eventsEach: 9, kills: 2 });
    // Of a storm in which nothing went wrong nothing would follow.
    expect(unanswered).toBeGreaterThan(0);
    expect(failed).toBeGreaterThan(0);
  }, 60_000);
});
