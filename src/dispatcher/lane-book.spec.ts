import type { ClaimedDelivery, LaneClaim, LaneState } from '../deliveries/lane-queue.repository.js';
import type { HandedLane } from '../deliveries/hand-offs.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { FAILURES_TO_OPEN, FIRST_OPEN_MS, type PacedAttempt } from './endpoint-pace.js';
import { LaneBook } from './lane-book.js';

const lane = (account: string, endpoint: string): LaneId => [account, 'test', endpoint];
const A1 = lane('a', 'a1');
const A2 = lane('a', 'a2');
const B1 = lane('b', 'b1');

const SUCCEEDED: PacedAttempt = { outcome: 'succeeded', sentAtMs: 0, pauseMs: null };

const state = (id: LaneId, more: Partial<LaneState> = {}): LaneState => ({
  lane: id,
  gen: '1',
  isOpen: true,
  rateLimit: null,
  isFailing: false,
  nextDueInMs: null,
  revision: '1',
  isOrdered: false,
  recheckedTo: null,
  ...more,
});

function delivery(id: LaneId, name: string): ClaimedDelivery {
  const rest = { revision: 1, eventType: 'collect.pending', operationId: null, attemptCount: 0, firstAttemptAt: null };
  return { lane: id, id: name, dueAtMs: Number(name), isUnsendable: false, eventId: name, body: '{}', ...rest };
}

describe('LaneBook', () => {
  let book: LaneBook;
  beforeEach(() => (book = new LaneBook({ concurrency: 12, laneConcurrency: 4, claimLanes: 10 })));

  const taken = (capacity = book.capacity(), nowMs = 0) =>
    book.takeClaims(capacity, nowMs).claims.map(({ lane: [, , endpoint], room }) => `${endpoint}:${room}`);
  /** Claims for what has its turn; each lane gives the deliveries named, and stands as `more` says. */
  const claim = (given: Record<string, string[]> = {}, more: Partial<LaneState> = {}, nowMs = 0): LaneClaim[] => {
    const { claims } = book.takeClaims(book.capacity(), nowMs);
    book.apply(
      claims,
      {
        deliveries: claims.flatMap(({ lane: id }) => (given[id[2]] ?? []).map((name) => delivery(id, name))),
        lanes: claims.map(({ lane: id }) => state(id, more)),
      },
      nowMs,
    );
    return claims;
  };
  const finish = (id: LaneId, name: string, nowMs = 0, nextDueMs: number | null = null) => {
    const found = book.get(id[2])!;
    book.endSend(found, SUCCEEDED, nowMs);
    book.finish(found, name, nowMs, nextDueMs);
  };

  describe('turns', () => {
    it('go round the accounts, then the endpoints of each', () => {
      book.wake([A1, A2, lane('a', 'a3'), B1, lane('c', 'c1')], 0);
      expect(taken(3)).toEqual(['a1:1', 'b1:1', 'c1:1']);
      expect(taken(3)).toEqual(['a2:2', 'a3:1']);
    });

    it('share the room, so that the first lanes do not take it all', () => {
      book.wake([A1, A2, B1], 0);
      expect(taken(6)).toEqual(['a1:2', 'b1:2', 'a2:2']);
    });

    it('are kept by lanes whose claim did not happen', () => {
      book.wake([A1], 0);
      const { claims } = book.takeClaims(4, 0);
      expect(taken()).toEqual([]);
      book.giveBack(claims);
      expect(taken()).toEqual(['a1:4']);
    });

    it('come again while a claim finds as much as it may, and end when it finds less', () => {
      book.wake([A1], 0);
      claim({ a1: ['1', '2', '3', '4'] });
      expect(taken()).toEqual([]); // No room in the lane.
      finish(A1, '1');
      expect(taken()).toEqual(['a1:1']);
    });

    it('come again when work came while a claim was under way', () => {
      book.wake([A1], 0);
      const { claims } = book.takeClaims(4, 0);
      book.wake([A1], 0);
      book.apply(claims, { deliveries: [], lanes: [state(A1)] }, 0);
      expect(taken()).toEqual(['a1:4']);
    });
  });

  describe('what a publish hands over', () => {
    const LEDGER = { accountId: 'a', mode: 'test' } as const;
    const handed = (names: string[], more: Partial<HandedLane> = {}): HandedLane => ({
      lane: A1,
      gen: '2',
      deliveries: names.map((name) => delivery(A1, name)),
      isAll: true,
      ...more,
    });
    const kept = (most = 10) =>
      book.reserve([{ tenant: LEDGER, count: most }], 0).map(({ lane: { id }, room }) => `${id[2]}:${room}`);
    const reserve = (most = 10) => book.reserve([{ tenant: LEDGER, count: most }], 0)[0]!;
    const take = (item: HandedLane) => {
      const { lane: of, room } = reserve();
      return book.takeHanded(of, room, item, 0).map(({ id }) => id);
    };
    beforeEach(() => {
      book.wake([A1], 0);
      claim();
    });

    it('finds room in the lanes of its ledger of which everything due is claimed', () => {
      book.wake([A2, B1], 0);
      expect(kept()).toEqual(['a1:4']);
      expect(kept()).toEqual([]);
    });

    it('finds no more than it asks for, and than is left for the lanes that wait for their turn', () => {
      expect(kept(1)).toEqual(['a1:1']);
      book.release(book.get('a1')!, 1, 0);
      book.wake([A2, B1, lane('b', 'b2'), lane('b', 'b3')], 0);
      expect(kept()).toEqual(['a1:2']);
      expect(book.capacity()).toBe(10);
    });

    it.each([
      ['has more to claim', () => book.wake([A1], 0)],
      ['keeps an order', () => (book.wake([A1], 0), claim({}, { isOrdered: true }))],
      ['keeps a rate', () => (book.wake([A1], 0), claim({}, { rateLimit: 5 }), claim({}, { rateLimit: 5 }))],
      ['is closed', () => (book.wake([A1], 0), claim({}, { isOpen: false }))],
      ['is being given back', () => book.beginParking(0, true)],
      ['is being claimed', () => (book.wake([A1], 0), book.takeClaims(4, 0))],
    ])('finds none in a lane that %s', (_, happen) => {
      happen();
      expect(kept()).toEqual([]);
    });

    it('is in the air then, and the room that was kept is free again', () => {
      expect(take(handed(['1', '2']))).toEqual(['1', '2']);
      expect([book.inFlightCount, book.capacity()]).toEqual([2, 10]);
      expect(kept()).toEqual(['a1:2']);
    });

    it('needs no look at the queue where nobody else has written to it since the last one', () => {
      take(handed(['1']));
      expect(take(handed(['2'], { gen: '3' }))).toEqual(['2']);
      book.refresh([{ lane: A1, gen: '3' }], 0);
      expect(taken()).toEqual([]);
    });

    it('makes the next claim read from the head where somebody has, or where not all was handed over', () => {
      take(handed(['1'], { gen: '3' }));
      expect(book.takeClaims(4, 0).claims).toMatchObject([{ lane: A1, after: null }]);
      book.drop(book.get('a1')!);
      book.wake([A1], 0);
      claim();
      take(handed(['2'], { isAll: false }));
      expect(book.takeClaims(4, 0).claims).toMatchObject([{ lane: A1, after: null }]);
    });

    it('is sent once, though a claim met it before the publish was answered', () => {
      const { lane: of, room } = reserve(1);
      book.wake([A1], 0);
      claim({ a1: ['1'] });
      finish(A1, '1');
      expect(book.takeHanded(of, room, handed(['1']), 0)).toEqual([]);
    });

    it('is sent once, though it is settled before a claim is answered that met it', () => {
      const { lane: of } = reserve(1);
      book.wake([A1], 0);
      const { claims } = book.takeClaims(12, 0);
      expect(book.takeHanded(of, 1, handed(['1']), 0)).toHaveLength(1);
      finish(A1, '1');
      const brought = { deliveries: [delivery(A1, '1'), delivery(A1, '2')], lanes: [state(A1)] };
      expect(book.apply(claims, brought, 0).map(({ id }) => id)).toEqual(['2']);
    });

    it('finds no room that a claim under way may need', () => {
      book.wake([B1, lane('b', 'b2'), lane('b', 'b3')], 0);
      const { claims } = book.takeClaims(12, 0);
      expect(kept()).toEqual([]);
      book.giveBack(claims);
      expect(kept()).toEqual(['a1:3']);
    });

    it('goes nowhere when its lane was dropped meanwhile', () => {
      const { lane: of, room } = reserve();
      book.drop(of);
      expect(book.takeHanded(of, room, handed(['1']), 0)).toEqual([]);
      expect([book.inFlightCount, book.capacity()]).toEqual([0, 12]);
    });

    it('leaves room for other accounts, however long its publish waits for a lock', () => {
      book = new LaneBook({ concurrency: 8, laneConcurrency: 4, claimLanes: 10 });
      book.wake([A1, A2, lane('a', 'a3'), lane('a', 'a4')], 0);
      claim();
      expect(kept()).toEqual(['a1:2', 'a2:2']);
      book.wake([B1], 0);
      expect(taken()).toEqual(['b1:4']);
    });

    it('does not make its lane forget a retry that was settled while a claim was on its way', () => {
      take(handed(['1']));
      book.wake([A1], 0);
      const { claims } = book.takeClaims(12, 0);
      finish(A1, '1', 0, 5_000);
      book.apply(claims, { deliveries: [], lanes: [state(A1, { gen: '2' })] }, 0);
      take(handed(['2'], { gen: '3' }));
      finish(A1, '2', 4_999);
      book.refresh([{ lane: A1, gen: '3' }], 5_000);
      expect(book.takeClaims(12, 5_000).claims).toMatchObject([{ lane: A1, after: null }]);
    });

    it('keeps its lane from being given back', () => {
      reserve();
      expect(book.beginParking(0, true)).toEqual([]);
    });
  });

  describe('room', () => {
    it('is bounded for a lane by what is in the air for it, and for all by what is in the air at all', () => {
      book.wake([A1, A2, B1, lane('b', 'b2')], 0);
      claim({ a1: ['1', '2', '3'], a2: ['4', '5', '6'], b1: ['7', '8', '9'], b2: ['10', '11', '12'] });
      expect(book.capacity()).toBe(0);
      finish(A1, '1');
      expect([book.capacity(), taken()]).toEqual([1, ['a1:1']]);
    });

    it('comes back with the end of a request, before its settle', () => {
      book.wake([A1], 0);
      claim({ a1: ['1', '2', '3', '4'] });
      book.endSend(book.get('a1')!, SUCCEEDED, 0);
      const { claims } = book.takeClaims(book.capacity(), 0);
      expect(claims).toMatchObject([{ lane: A1 }]);
      expect([book.inFlightCount, book.inFlightIds(claims)]).toEqual([4, ['1', '2', '3', '4']]);
    });

    it('ends when four times as much is unsettled, so that a slow database does not make memory grow', () => {
      book = new LaneBook({ concurrency: 1, laneConcurrency: 1, claimLanes: 10 });
      for (const name of ['1', '2', '3', '4']) {
        book.wake([A1], 0);
        claim({ a1: [name] });
        book.endSend(book.get('a1')!, SUCCEEDED, 0);
      }
      book.wake([A1], 0);
      expect([book.capacity(), taken(1)]).toEqual([0, []]);
    });
  });

  describe('rates', () => {
    it('hold from the first claim on: what it told is kept by the next', () => {
      book.wake([A1], 0);
      expect(claim({}, { rateLimit: 10 })[0]!.rateLimit).toBeNull();
      expect(book.takeClaims(12, 0)).toEqual({ claims: [], waitMs: 100 });
      expect(book.takeClaims(12, 100).claims).toMatchObject([{ lane: A1, room: 1, rateLimit: 10 }]);
    });

    it('let a throttled lane hold nobody back', () => {
      book.wake([A1], 0);
      claim({}, { rateLimit: 10 });
      book.wake([B1], 0);
      const { claims, waitMs } = book.takeClaims(12, 0);
      expect([claims.map(({ lane: id }) => id), waitMs]).toEqual([[B1], 100]);
    });
  });

  describe('what was read', () => {
    const after = (nowMs = 0) => book.takeClaims(12, nowMs).claims.map((wanted) => wanted.after?.id ?? 'head');
    /** Claims the deliveries named and leaves the lane hungry, so that its next claim shows where it begins. */
    const read = (names: string[], more: Partial<LaneState> = {}) => {
      book.wake([A1], 0);
      claim({ a1: names }, more);
      book.wake([A1], 0);
    };

    it('is not read again: a claim begins behind the last one', () => {
      read(['1', '2']);
      expect(after()).toEqual(['2']);
    });

    it('begins at the head again when another process wrote, something came due, or stayed due', () => {
      read(['1', '2']);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      expect(after()).toEqual(['head']);

      read(['3'], { nextDueInMs: 500 });
      expect(after(500)).toEqual(['head']);

      read(['4']);
      book.endSend(book.get('a1')!, null, 0);
      book.finish(book.get('a1')!, '4', 0, null, true);
      expect(after()).toEqual(['head']);
    });

    it('keeps the head in mind when a wake-up came while a claim was under way, or a claim failed', () => {
      read(['1']);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      const { claims } = book.takeClaims(4, 0);
      book.refresh([{ lane: A1, gen: '3' }], 0);
      book.apply(claims, { deliveries: [], lanes: [state(A1, { gen: '2' })] }, 0);
      const again = book.takeClaims(4, 0).claims;
      expect(again).toMatchObject([{ after: null }]);
      book.giveBack(again);
      expect(after()).toEqual(['head']);
    });

    it('sees a change that a claim from behind the head brought the news of', () => {
      read(['1']);
      claim({ a1: ['2'] }, { gen: '2' });
      book.refresh([{ lane: A1, gen: '2' }], 0);
      expect(after()).toEqual(['head']);
    });

    it('goes on from the head while a full claim from there came less far than an earlier one', () => {
      read(['8', '9']);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      claim({ a1: ['1', '2'] }, { gen: '2' }); // All the room that the lane had.
      finish(A1, '8');
      expect(after()).toEqual(['head']);
    });

    it('counts for nothing in an ordered lane, whose head alone tells what may go', () => {
      read(['1'], { isOrdered: true });
      expect(after()).toEqual(['head']);
    });

    it('is never sent twice: what is in the air already is left out of what a claim brings', () => {
      read(['1']);
      const { claims } = book.takeClaims(4, 0);
      const brought = { deliveries: [delivery(A1, '1'), delivery(A1, '2')], lanes: [state(A1)] };
      expect(book.apply(claims, brought, 0).map(({ id }) => id)).toEqual(['2']);
      expect(book.inFlightCount).toBe(2);
    });

    it('asks for no claim when a request ends and the last claim found less than it might', () => {
      book.wake([A1], 0);
      claim({ a1: ['1'] });
      finish(A1, '1');
      expect(taken()).toEqual([]);
    });

    it('asks for one at every end in an ordered lane, as another may go now', () => {
      book.wake([A1], 0);
      claim({ a1: ['1'] }, { isOrdered: true });
      finish(A1, '1');
      expect(taken()).toEqual(['a1:4']);
    });

    it('looks at those that wait for their turn some at a time, to the end, and once more if told meanwhile', () => {
      book.wake([A1], 0);
      claim({}, { recheckedTo: 'd5' });
      const { claims } = book.takeClaims(4, 0);
      expect(claims).toMatchObject([{ recheckWaiting: true, recheckAfter: 'd5' }]);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      book.apply(claims, { deliveries: [], lanes: [state(A1, { gen: '2', recheckedTo: 'd9' })] }, 0);
      expect(claim({}, { gen: '2' })).toMatchObject([{ recheckWaiting: true, recheckAfter: 'd9' }]);
      expect(claim({}, { gen: '2' })).toMatchObject([{ recheckWaiting: true, recheckAfter: null }]);
      expect(claim({}, { gen: '2' })).toEqual([]);
    });
  });

  describe('a receiver in trouble', () => {
    const SLOW: PacedAttempt = { outcome: 'slow', sentAtMs: 0, pauseMs: null };
    const failMany = (names: string[]) => {
      for (const name of names) {
        book.wake([A1], 0);
        claim({ a1: [name] });
        book.endSend(book.get('a1')!, SLOW, 0);
        book.finish(book.get('a1')!, name, 0, null);
      }
    };
    const names = Array.from({ length: FAILURES_TO_OPEN }, (_, index) => String(index));

    it('gets fewer at a time, and holds nobody else back', () => {
      failMany(['1']);
      book.wake([A1, B1], 0);
      expect(taken()).toEqual(['a1:2', 'b1:4']);
    });

    it('gets nothing while its circuit is open, then one; the others go on', () => {
      failMany(names);
      book.wake([A1, B1], 0);
      expect(book.takeClaims(12, 0)).toMatchObject({ claims: [{ lane: B1 }], waitMs: FIRST_OPEN_MS });
      expect(book.openCircuits(0)).toBe(1);
      expect(book.beginParking(0).map(({ key }) => key)).toEqual([]);
      expect(taken(12, FIRST_OPEN_MS)).toEqual(['a1:1']);
    });

    it('is forgotten when the endpoint is changed', () => {
      failMany(names);
      book.wake([A1], 0);
      expect(taken()).toEqual([]);
      book.forgetPace(A1);
      expect(taken()).toEqual(['a1:4']);
    });

    it('is remembered over the lane’s rest, and a free lane is taken even so', () => {
      failMany(names);
      const [parking] = book.beginParking(0, true);
      book.endParking(parking!, true);
      expect(book.get('a1')).not.toBe(parking);
      book.wake([A1], 0);
      expect(taken()).toEqual(['a1:0']);
    });

    it('is known by the revision of its endpoint', () => {
      failMany(names);
      book.wake([A1], FIRST_OPEN_MS);
      claim({}, { revision: '2' }, FIRST_OPEN_MS);
      expect(book.openCircuits(FIRST_OPEN_MS)).toBe(0);
    });
  });

  describe('wake-ups of owned lanes', () => {
    it('come with a generation that another process raised, and then look for those that wait for their turn', () => {
      book.wake([A1], 0);
      claim();
      book.refresh([{ lane: A1, gen: '1' }], 0);
      expect(taken()).toEqual([]);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      expect(book.takeClaims(12, 0).claims).toMatchObject([{ lane: A1, recheckWaiting: true }]);
    });

    it('come with the time of the next delivery, found or rescheduled', () => {
      book.wake([A1], 0);
      claim({ a1: ['1'] }, { nextDueInMs: 500 });
      finish(A1, '1', 0, 300);
      taken();
      book.refresh([], 299);
      expect(taken()).toEqual([]);
      book.refresh([], 300);
      expect(taken()).toEqual(['a1:4']);
    });
  });

  describe('giving back', () => {
    const parkable = (nowMs: number, evenFresh = false) =>
      book.beginParking(nowMs, evenFresh).map(({ id: [, , endpoint] }) => endpoint);

    it('takes idle lanes after five seconds, and closed ones at once', () => {
      book.wake([A1], 0);
      claim();
      book.wake([B1], 0);
      claim({}, { isOpen: false });
      expect(parkable(0)).toEqual(['b1']);
      expect(parkable(4_999)).toEqual([]);
      expect(parkable(5_000)).toEqual(['a1']);
    });

    it('leaves lanes with something in the air, with a turn, or with a claim under way', () => {
      book.wake([A1, A2, B1], 0);
      claim({ a1: ['1'] });
      book.wake([A2], 0);
      const { claims } = book.takeClaims(12, 0);
      book.wake([B1], 0);
      expect(parkable(9_999)).toEqual([]);
      expect(parkable(9_999, true)).toEqual(['b1']); // At the end of the process even those with work left.
      book.giveBack(claims);
      expect(parkable(9_999, true)).toEqual(['a2']);
    });

    it('claims nothing of a lane meanwhile, and takes it anew when work came', () => {
      book.wake([A1], 0);
      claim();
      const [parking] = book.beginParking(5_000);
      book.wake([A1], 5_000);
      expect(taken()).toEqual([]);
      book.endParking(parking!, true);
      expect(book.get('a1')).not.toBe(parking);
      expect(book.takeClaims(4, 0).claims).toMatchObject([{ lane: A1, room: 4, recheckWaiting: true }]);
    });

    it('keeps a lane that could not be given back, and forgets one that was', () => {
      book.wake([A1, B1], 0);
      claim();
      const [first, second] = book.beginParking(5_000);
      book.endParking(first!, false);
      book.endParking(second!, true);
      expect([book.get('a1'), book.get('b1')]).toEqual([first, undefined]);
      expect(book.size).toBe(1);
    });
  });

  it('drops a lane that is another one’s, and is not confused by what was in the air for it', () => {
    book.wake([A1], 0);
    claim({ a1: ['1'] });
    const mine = book.get('a1')!;
    book.wake([A1], 0);
    const { claims } = book.takeClaims(12, 0);
    book.apply(claims, { deliveries: [], lanes: [] }, 0);
    expect([book.size, book.inFlightCount]).toEqual([0, 0]);
    book.endSend(mine, SUCCEEDED, 0);
    book.finish(mine, '1', 0, null);
    expect([book.size, book.inFlightCount, book.capacity(), taken()]).toEqual([0, 0, 12, []]);
  });
});
