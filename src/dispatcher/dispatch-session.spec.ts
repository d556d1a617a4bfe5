import { Clock } from '../common/clock.js';
import type { DispatchSession } from './dispatch-session.js';
import { held, LANE, uuid, World } from './dispatch-session.spec-support.js';

class LateClock extends Clock {
  lateMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.lateMs;
  }
}

describe('DispatchSession', () => {
  let world: World;
  let session: DispatchSession;
  beforeEach(() => {
    world = new World();
    session = world.session();
  });
  afterEach(() => session.end());

  it('sends everything that waits once, never more at a time than a lane may have', async () => {
    world.add(...Array.from({ length: 50 }, (_, index) => index));
    await session.poll();
    await world.until(() => world.attempts.length === 50);
    expect(new Set(world.sent).size).toBe(50);
    expect([world.sent.length, world.settled.length, world.mostInTheAir]).toEqual([50, 50, 4]);
  });

  it('settles again after a failure, and sends nothing twice for it', async () => {
    world.add(1, 2);
    world.failures = 2;
    await session.poll();
    await world.until(() => world.settled.length === 2);
    expect(world.sent).toHaveLength(2);
    expect(new Set(world.errors)).toEqual(new Set(['settle: connection lost']));
  });

  it('does not claim a delivery anew at once whose attempt could not begin', async () => {
    world.add(1);
    world.failingSettings = 1;
    await session.poll();
    await world.until(() => world.errors.length > 0);
    const failedAtMs = performance.now();
    await session.poll();
    expect([world.errors, world.sent, session.inFlight]).toEqual([['deliver: no settings'], [], 1]);
    await world.until(() => world.settled.length === 1);
    expect(performance.now() - failedAtMs).toBeGreaterThan(900);
  });

  it('does not look for lanes again and again where the one that it finds is just being given back', async () => {
    const clock = new LateClock();
    const { gate, open } = held();
    session = world.session({ concurrency: 1, laneConcurrency: 1 }, clock);
    world.add(1);
    await session.poll();
    await world.until(() => world.attempts.length === 1);
    while (session.inFlight > 0) await new Promise(setImmediate);
    clock.lateMs = 60_000;
    world.parkGate = gate;
    const parking = session.poll();
    while (world.owner !== null) await new Promise(setImmediate);
    world.add(2);
    await session.poll();
    const before = world.looks;
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(world.looks - before).toBeLessThan(3);
    open();
    await Promise.all([parking, world.until(() => world.attempts.length === 2)]);
  });

  it('does not look for lanes again and again where it has lost its lease without knowing, and can take none', async () => {
    session = world.session({ concurrency: 1, laneConcurrency: 1 });
    world.add(1);
    world.hasLease = false;
    await session.poll();
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect([world.claimedFrom.length > 0, world.looks < 4, world.sent]).toEqual([true, true, []]);
  });

  it('looks again soon, without a poll, where another process was quicker', async () => {
    session = world.session({ concurrency: 1, laneConcurrency: 1 });
    world.add(1);
    world.lostRaces = 5;
    await session.poll();
    await world.until(() => world.attempts.length === 1);
    expect(world.sent).toEqual([uuid(1)]);
  });

  it('ends a run of failures with the next success where one failed earlier and was settled later', async () => {
    const { gate, open } = held();
    world.settleGates.set(uuid(1), gate);
    world.statusCode = 500;
    world.add(1);
    await session.poll();
    await world.until(() => world.settling.length === 1);
    world.statusCode = 200;
    world.add(2);
    session.wake([LANE]);
    await world.until(() => world.attempts.length === 1);
    open();
    await world.until(() => world.attempts.length === 2);
    while (session.inFlight > 0) await new Promise(setImmediate);
    const { accept } = session.offer([{ tenant: { accountId: LANE[0], mode: LANE[1] }, count: 1 }])!;
    accept([world.handed('2', 3)]); // Without a claim, which would tell what is noted.
    await world.until(() => world.attempts.length === 3);
    expect(world.said).toEqual([
      [uuid(2), false],
      [uuid(1), true],
      [uuid(3), false],
    ]);
  });

  it('is not held back by a pause that was asked for by who was sent to before its endpoint was changed', async () => {
    const { gate, open } = held();
    Object.assign(world, { gate, statusCode: 503, retryAfter: '30' });
    world.add(1);
    await session.poll();
    await world.until(() => world.inTheAir === 1);
    session.endpointChanged(LANE);
    open();
    await world.until(() => world.attempts.length === 1);
    world.statusCode = 200;
    world.add(2);
    session.wake([LANE]);
    await world.until(() => world.attempts.length === 2);
    expect(world.settled).toEqual([`${uuid(1)} waits`, `${uuid(2)} succeeded`]);
  });

  it.each([
    ['settled', uuid(1), ['settled', 'settled']],
    ['recorded', null, ['recorded', 'settled']],
    ['dropped', null, ['settled']],
  ] as const)('tells of an attempt that was %s, and reads on from there or anew', async (effect, readOn, told) => {
    if (effect !== 'settled') world.overtaken.set(uuid(1), effect);
    world.add(1);
    await session.poll();
    await world.until(() => world.finished.length === 1);
    while (session.inFlight > 0) await new Promise(setImmediate);
    world.add(2);
    session.wake([LANE]);
    await world.until(() => world.attempts.length === told.length);
    expect(world.effects).toEqual(told);
    expect(world.claimedFrom).toEqual([null, readOn]);
  });
});
