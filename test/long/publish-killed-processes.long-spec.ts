import { Fleet } from '../support/fleet.js';
import { proveStorm } from '../support/storm-proof.js';

describe('32 publishers over processes that are killed, connections that are cut and transactions that roll back', () => {
  afterAll(() => Fleet.stopAll());

  it('leave no gap and no repeat, lose nothing that was acknowledged, and hide nothing from a reader, in 30 kills', async () => {
    const { acknowledged, unanswered, failed } = await proveStorm({ processes: 4, eventsEach: 500, kills: 30 });
    expect(acknowledged.size).toBe(16_000);
    expect(unanswered).toBeGreaterThan(30);
    expect(failed).toBeGreaterThan(0);
  });
});
