import { Fleet } from '../support/fleet.js';
import { proveCrowd } from '../support/stream-crowd.js';

describe('the stream of events', () => {
  afterAll(() => Fleet.stopAll());

  it('gives 200 streams 10,000 events each without a gap while processes are killed and started again', async () => {
    const { kills, returns } = await proveCrowd({ processes: 3, streams: 200, events: 10_000, batch: 20, kills: 8 });
    expect(kills).toBe(8);
    expect(returns).toBeGreaterThanOrEqual(8 * 60);
  });
});
