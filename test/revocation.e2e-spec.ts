import { makeDatabase } from './setup/database.js';
import { type FleetKey, KeyFleet, p99, report } from './support/key-fleet.js';

const PROCESSES = 4;
const TRIALS = 50;

describe('A revoked key, in four processes', () => {
  let fleet: KeyFleet;
  let keys: FleetKey[];
  beforeAll(async () => {
    fleet = await KeyFleet.start(await makeDatabase('revocation', { migrated: true }), PROCESSES);
    keys = await fleet.makeKeys(TRIALS);
  }, 60_000);
  afterAll(() => fleet.stop());

  it('is refused by all of them within a second', async () => {
    await fleet.warm(keys);
    const latencies: number[] = [];
    for (const key of keys) latencies.push(...(await fleet.revoke([key])).refusedAfter);
    report('revoked to refused', latencies);
    expect(latencies).toHaveLength(TRIALS * PROCESSES);
    expect(p99(latencies)).toBeLessThanOrEqual(1_000);
  }, 60_000);

  it('is refused by all of them within five seconds while none can hear of it', async () => {
    await fleet.revive(keys);
    const { refusedAfter, acceptedUntil } = await fleet.whileDeaf(async () => {
      await fleet.warm(keys);
      return fleet.revoke(keys);
    });
    report('revoked to refused, without LISTEN', refusedAfter);
    report('last seen accepted, without LISTEN', acceptedUntil);
    expect(acceptedUntil).toHaveLength(TRIALS * PROCESSES);
    expect(Math.max(...acceptedUntil)).toBeLessThanOrEqual(5_000);
  }, 60_000);
});
