import { makeDatabase } from '../setup/database.js';
import { type FleetKey, KeyFleet, p99, report } from '../support/key-fleet.js';

const PROCESSES = 4;
const TRIALS = 1_000;
/** Few enough that no process forgets the first before the last is warm. */
const TOGETHER = 50;

describe('A thousand revocations, in four processes', () => {
  let fleet: KeyFleet;
  let keys: FleetKey[];
  beforeAll(async () => {
    fleet = await KeyFleet.start(await makeDatabase('revocation_long', { migrated: true }), PROCESSES);
    keys = await fleet.makeKeys(TRIALS);
  });
  afterAll(() => fleet.stop());

  it('are heard by all of them within a second', async () => {
    const latencies: number[] = [];
    for (const key of keys) {
      await fleet.warm([key]);
      latencies.push(...(await fleet.revoke([key])).refusedAfter);
    }
    report('revoked to refused', latencies);
    expect(latencies).toHaveLength(TRIALS * PROCESSES);
    expect(p99(latencies)).toBeLessThanOrEqual(1_000);
  });

  it('are found out by all of them within five seconds while none can hear of them', async () => {
    await fleet.revive(keys);
    const refusedAfter: number[] = [];
    const acceptedUntil: number[] = [];
    for (let first = 0; first < TRIALS; first += TOGETHER) {
      const some = keys.slice(first, first + TOGETHER);
      // For each round anew: a pool that may not connect for minutes runs dry.
      const seen = await fleet.whileDeaf(async () => {
        await fleet.warm(some);
        return fleet.revoke(some);
      });
      refusedAfter.push(...seen.refusedAfter);
      acceptedUntil.push(...seen.acceptedUntil);
    }
    report('revoked to refused, without LISTEN', refusedAfter);
    report('last seen accepted, without LISTEN', acceptedUntil);
    expect(acceptedUntil).toHaveLength(TRIALS * PROCESSES);
    expect(Math.max(...acceptedUntil)).toBeLessThanOrEqual(5_000);
  });
});
