import type { ClaimedDelivery, LaneClaim, LaneState } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { LaneBook } from './lane-book.js';

const lane = (account: string, endpoint: string): LaneId => [account, 'test', endpoint];
const A1 = lane('a', 'a1');
const A2 = lane('a', 'a2');
const B1 = lane('b', 'b1');

const state = (id: LaneId, more: Partial<LaneState> = {}): LaneState => ({
  lane: id,
  gen: '1',
  isOpen: true,
  rateLimit: null,
  isFailing: false,
  nextDueInMs: null,
  ...more,
});

function delivery(id: LaneId, name: string): ClaimedDelivery {
  const rest = { revision: 1, eventType: 'collect.pending', operationId: null, attemptCount: 0, firstAttemptAt: null };
  return { lane: id, id: name, eventId: name, body: '{}', ...rest };
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
    book.endSend(found);
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
      book.endSend(book.get('a1')!);
      expect(taken()).toEqual(['a1:1']);
      expect(book.inFlightCount).toBe(4);
      expect([...book.inFlightIds()]).toEqual(['1', '2', '3', '4']);
    });

    it('ends when four times as much is unsettled, so that a slow database does not make memory grow', () => {
      book = new LaneBook({ concurrency: 1, laneConcurrency: 1, claimLanes: 10 });
      for (const name of ['1', '2', '3', '4']) {
        book.wake([A1], 0);
        claim({ a1: [name] });
        book.endSend(book.get('a1')!);
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
    book.endSend(mine);
    book.finish(mine, '1', 0, null);
    expect([book.size, book.inFlightCount, book.capacity(), taken()]).toEqual([0, 0, 12, []]);
  });
});
