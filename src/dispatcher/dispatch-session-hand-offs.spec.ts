import type { HandOffOffer } from '../deliveries/hand-offs.js';
import type { DispatchSession } from './dispatch-session.js';
import { held, LANE, uuid, World } from './dispatch-session.spec-support.js';

describe('DispatchSession for a publish of its process', () => {
  let world: World;
  let session: DispatchSession;
  const offer = (most = 10) => session.offer([{ tenant: { accountId: LANE[0], mode: LANE[1] }, count: most }]);
  beforeEach(async () => {
    world = new World();
    session = world.session();
    world.add(1);
    await session.poll();
    await world.until(() => world.attempts.length === 1);
    while (session.inFlight > 0) await new Promise(setImmediate);
    world.claimedFrom.length = 0;
  });
  afterEach(() => session.end());

  it('keeps room, sends and settles what is handed over without a claim, and ends its record', async () => {
    const { token, batch, lanes, accept } = offer(3)!;
    expect([token, lanes]).toEqual([session.token, [{ lane: LANE, room: 3 }]]);
    accept([world.handed('2', 2, 3)]);
    await world.until(() => world.attempts.length === 3 && world.finished.includes(batch));
    expect([world.sent, world.claimedFrom]).toEqual([[1, 2, 3].map(uuid), []]);
    expect(world.due.size).toBe(0);
  });

  it('has one offer open for a lane at a time, whose room is free again when nothing was written', () => {
    const { lanes, decline } = offer()!;
    expect([lanes[0]!.room, offer()]).toEqual([4, null]);
    decline();
    expect(offer()!.lanes).toEqual(lanes);
  });

  it('looks for other lanes once its room is free, where a poll came when all was kept or in the air', async () => {
    session.end();
    [world.owner, world.looks] = [null, 0];
    session = world.session({ concurrency: 4, laneConcurrency: 4 });
    world.add(2);
    await session.poll();
    await world.until(() => world.attempts.length === 2);
    while (session.inFlight > 0) await new Promise(setImmediate);
    const { lanes, decline } = offer()!;
    world.gate = held().gate;
    world.add(3, 4);
    session.wake([LANE]);
    await world.until(() => world.inTheAir === 2);
    const before = world.looks;
    await session.poll();
    expect([lanes[0]!.room, world.looks]).toEqual([2, before]);
    decline();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(world.looks).toBe(before + 1);
  });

  it('reads the head again when nobody knows what was written, and clears the record that there may be', async () => {
    const { batch, abandon } = offer()!;
    world.add(2);
    abandon();
    await world.until(() => world.attempts.length === 2 && world.finished.includes(batch));
    expect([world.sent, world.claimedFrom[0]]).toEqual([[1, 2].map(uuid), null]);
  });

  it('closes only when it is known what came of an offer, with what was handed over, and makes no other', async () => {
    const { accept } = offer()!;
    const closing = session.close();
    expect(offer()).toBeNull();
    await new Promise(setImmediate);
    expect(world.owner).toBe(session.token);
    accept([world.handed('2', 2)]);
    await closing;
    expect([world.settled.length, world.owner, world.due.size]).toEqual([2, null, 0]);
  });

  it('closes when an offer came to nothing', async () => {
    const { decline } = offer()!;
    const closing = session.close();
    decline();
    await closing;
    expect(world.owner).toBeNull();
  });

  it.each([
    ['was committed', ({ accept }: HandOffOffer) => accept([world.handed('2', 2)])],
    ['is not known', ({ abandon }: HandOffOffer) => abandon()],
  ])('touches nothing after its end, though the publish %s', async (_, answer) => {
    const made = offer()!;
    session.end();
    answer(made);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect([world.sent, session.inFlight, world.finished.includes(made.batch)]).toEqual([[uuid(1)], 0, false]);
  });
});
