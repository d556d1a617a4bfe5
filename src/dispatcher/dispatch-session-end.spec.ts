import type { DispatchSession } from './dispatch-session.js';
import { held, LANE, uuid, World } from './dispatch-session.spec-support.js';

describe('DispatchSession', () => {
  let world: World;
  let session: DispatchSession;
  beforeEach(() => {
    world = new World();
    session = world.session();
  });
  afterEach(() => session.end());

  it('touches nothing more after its end, and drops what was in the air', async () => {
    const { gate, open } = held();
    world.gate = gate;
    world.add(1, 2);
    await session.poll();
    await world.until(() => world.sent.length === 2);
    session.end();
    open();
    world.add(3);
    session.wake([LANE]);
    await session.poll();
    await session.close();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect([world.settled, world.attempts, world.sent.length, session.inFlight]).toEqual([[], [], 2, 0]);
  });

  it('lets an attempt without a lease take no effect, and does not try again', async () => {
    const { gate, open } = held();
    world.gate = gate;
    world.add(1);
    await session.poll();
    await world.until(() => world.sent.length === 1);
    world.hasLease = false;
    open();
    await session.close();
    expect([world.settled, world.attempts, world.sent.length]).toEqual([[], [], 1]);
    expect(world.errors).toEqual([]);
  });

  it('closes when what is in the air has ended, with every lane given back', async () => {
    const { gate, open } = held();
    world.gate = gate;
    world.add(1, 2, 3, 4, 5);
    await session.poll();
    await world.until(() => world.sent.length === 4);
    const closing = session.close();
    open();
    await closing;
    expect([world.settled.length, world.sent.length, world.owner, world.due.size]).toEqual([4, 4, null, 1]);
  });

  it('tells requests in the air from results that are not written yet', async () => {
    const [request, writing] = [held(), held()];
    const { settle } = world.queue;
    const asked = new Promise<void>((resolve) => {
      world.queue.settle = async (...given) => {
        resolve();
        await writing.gate;
        return settle(...given);
      };
    });
    world.gate = request.gate;
    world.add(1, 2);
    await session.poll();
    await world.until(() => world.sent.length === 2);
    expect([session.sending, session.inFlight]).toEqual([2, 2]);
    request.open();
    await asked;
    expect([session.sending, session.inFlight]).toEqual([0, 2]);
    writing.open();
    await session.close();
    expect([session.sending, session.inFlight]).toEqual([0, 0]);
  });

  it('closes only after a claim that was under way, with what it brought', async () => {
    const { gate, open } = held();
    world.claimGate = gate;
    world.add(1);
    await session.poll();
    await new Promise(setImmediate);
    const closing = session.close();
    open();
    await closing;
    expect([world.settled.length, world.owner]).toEqual([1, null]);
  });

  it('closes at its end with what is still in the air left due', async () => {
    world.gate = new Promise(() => undefined);
    world.add(1);
    await session.poll();
    await world.until(() => world.sent.length === 1);
    const closing = session.close();
    session.end();
    await closing;
    expect([world.settled, [...world.due.keys()]]).toEqual([[], [uuid(1)]]);
  });

  it('closes at its end even if the database does not answer', async () => {
    world.claimGate = new Promise(() => undefined);
    world.add(1);
    await session.poll();
    await new Promise(setImmediate);
    const closing = session.close();
    session.end();
    await closing;
    expect(world.sent).toEqual([]);
  });
});
