import { FAILURES_TO_OPEN, FIRST_OPEN_MS, type PacedAttempt } from './endpoint-pace.js';
import type { LaneBook } from './lane-book.js';
import {
  A1,
  A2,
  B1,
  claim,
  delivery,
  finish,
  lane,
  newBook,
  state,
  SUCCEEDED,
  taken,
} from './lane-book.spec-support.js';

describe('LaneBook', () => {
  let book: LaneBook;
  beforeEach(() => (book = newBook()));

  describe('turns', () => {
    it('go round the accounts, then the endpoints of each', () => {
      book.wake([A1, A2, lane('a', 'a3'), B1, lane('c', 'c1')], 0);
      expect(taken(book, 3)).toEqual(['a1:1', 'b1:1', 'c1:1']);
      expect(taken(book, 3)).toEqual(['a2:2', 'a3:1']);
    });

    it('share the room, so that the first lanes do not take it all', () => {
      book.wake([A1, A2, B1], 0);
      expect(taken(book, 6)).toEqual(['a1:2', 'b1:2', 'a2:2']);
    });

    describe('of lanes with long queues', () => {
      const lanes = (count: number) => Array.from({ length: count }, (_, n) => lane(`account${n}`, `endpoint${n}`));
      const claimFull = (room: number): number[] => {
        const { claims } = book.takeClaims(room, 0);
        const deliveries = claims.flatMap(({ lane: id, room: count }) =>
          Array.from({ length: count }, () => delivery(id, String(++claimed))),
        );
        book.apply(claims, { deliveries, lanes: claims.map(({ lane: id }) => state(id)) }, 0);
        deliveries.forEach(({ lane: id, id: name }) => finish(book, id, name));
        return claims.map(({ room: count }) => count);
      };
      let claimed = 0;
      beforeEach(() => (book = newBook({ concurrency: 256, laneConcurrency: 64, claimLanes: 200 })));

      it('grow while their claims bring as much as they may, so that a claim has fewer lanes', () => {
        book.wake(lanes(64), 0);
        const rounds = [claimFull(64), claimFull(64), claimFull(64), claimFull(64)];
        expect(rounds.map((rooms) => [rooms.length, rooms[0]])).toEqual([
          [64, 1],
          [64, 1],
          [32, 2],
          [32, 2],
        ]);
      });

      it('stay an even share for the lanes that have brought no more than one', () => {
        book.wake(lanes(64), 0);
        const { claims } = book.takeClaims(64, 0);
        book.apply(claims, { deliveries: [], lanes: claims.map(({ lane: id }) => state(id)) }, 0);
        book.wake(lanes(64), 0);
        expect(claimFull(64)).toHaveLength(64);
      });

      it('come to an end', () => {
        book.wake(lanes(64), 0);
        for (let n = 0; n < 10; n++) claimFull(64);
        expect(Math.max(...claimFull(64))).toBe(8); // 1/32 of the concurrency, and 1/8 of the claim.
        expect(Math.max(...claimFull(32))).toBe(4);
      });

      it('hold nobody back who has few deliveries: both kinds get as much, but for a turn', () => {
        book.wake(lanes(64), 0);
        for (let n = 0; n < 60; n++) claimFull(64);
        book.wake(
          Array.from({ length: 40 }, (_, n) => lane(`newcomer${n}`, `few${n}`)),
          0,
        );
        const { claims } = book.takeClaims(64, 0);
        const roomOf = (kind: string) =>
          claims.filter(({ lane: [, , id] }) => id.startsWith(kind)).reduce((sum, { room }) => sum + room, 0);
        const aTurn = 8;
        expect(roomOf('few') + roomOf('endpoint')).toBe(64);
        expect(Math.abs(roomOf('few') - roomOf('endpoint'))).toBeLessThanOrEqual(aTurn);
      });

      it('are shorter the more lanes wait', () => {
        book.wake(lanes(256), 0);
        for (let n = 0; n < 40; n++) claimFull(256);
        expect(claimFull(256)).toEqual(Array.from({ length: 128 }, () => 2));
      });
    });

    it('are kept by lanes whose claim did not happen', () => {
      book.wake([A1], 0);
      const { claims } = book.takeClaims(4, 0);
      expect(taken(book)).toEqual([]);
      book.giveBack(claims);
      expect(taken(book)).toEqual(['a1:4']);
    });

    it('come again while a claim finds as much as it may, and end when it finds less', () => {
      book.wake([A1], 0);
      claim(book, { a1: ['1', '2', '3', '4'] });
      expect(taken(book)).toEqual([]); // No room in the lane.
      finish(book, A1, '1');
      expect(taken(book)).toEqual(['a1:1']);
    });

    it('come again when work came while a claim was under way', () => {
      book.wake([A1], 0);
      const { claims } = book.takeClaims(4, 0);
      book.wake([A1], 0);
      book.apply(claims, { deliveries: [], lanes: [state(A1)] }, 0);
      expect(taken(book)).toEqual(['a1:4']);
    });
  });

  describe('room', () => {
    it('is bounded for a lane by what is in the air for it, and for all by what is in the air at all', () => {
      book.wake([A1, A2, B1, lane('b', 'b2')], 0);
      claim(book, { a1: ['1', '2', '3'], a2: ['4', '5', '6'], b1: ['7', '8', '9'], b2: ['10', '11', '12'] });
      expect(book.capacity()).toBe(0);
      finish(book, A1, '1');
      expect([book.capacity(), taken(book)]).toEqual([1, ['a1:1']]);
    });

    it('comes back with the end of a request, before its settle', () => {
      book.wake([A1], 0);
      claim(book, { a1: ['1', '2', '3', '4'] });
      book.endSend(book.get('a1')!, SUCCEEDED, 0);
      const { claims } = book.takeClaims(book.capacity(), 0);
      expect(claims).toMatchObject([{ lane: A1 }]);
      expect([book.inFlightCount, book.inFlightIds(claims)]).toEqual([4, ['1', '2', '3', '4']]);
    });

    it('ends when four times as much is unsettled, so that a slow database does not make memory grow', () => {
      book = newBook({ concurrency: 1, laneConcurrency: 1 });
      for (const name of ['1', '2', '3', '4']) {
        book.wake([A1], 0);
        claim(book, { a1: [name] });
        book.endSend(book.get('a1')!, SUCCEEDED, 0);
      }
      book.wake([A1], 0);
      expect([book.capacity(), taken(book, 1)]).toEqual([0, []]);
    });
  });

  describe('rates', () => {
    it('hold from the first claim on: what it told is kept by the next', () => {
      book.wake([A1], 0);
      expect(claim(book, {}, { rateLimit: 10 })[0]!.rateLimit).toBeNull();
      expect(book.takeClaims(12, 0)).toEqual({ claims: [], waitMs: 100 });
      expect(book.takeClaims(12, 100).claims).toMatchObject([{ lane: A1, room: 1, rateLimit: 10 }]);
    });

    it('let a throttled lane hold nobody back', () => {
      book.wake([A1], 0);
      claim(book, {}, { rateLimit: 10 });
      book.wake([B1], 0);
      const { claims, waitMs } = book.takeClaims(12, 0);
      expect([claims.map(({ lane: id }) => id), waitMs]).toEqual([[B1], 100]);
    });
  });

  describe('a receiver in trouble', () => {
    const SLOW: PacedAttempt = { outcome: 'slow', sentAtMs: 0, pauseMs: null };
    const failMany = (names: string[]) => {
      for (const name of names) {
        book.wake([A1], 0);
        claim(book, { a1: [name] });
        book.endSend(book.get('a1')!, SLOW, 0);
        book.finish(book.get('a1')!, name, 0, null);
      }
    };
    const names = Array.from({ length: FAILURES_TO_OPEN }, (_, index) => String(index));

    it('gets fewer at a time, and holds nobody else back', () => {
      failMany(['1']);
      book.wake([A1, B1], 0);
      expect(taken(book)).toEqual(['a1:2', 'b1:4']);
    });

    it('gets nothing while its circuit is open, then one; the others go on', () => {
      failMany(names);
      book.wake([A1, B1], 0);
      expect(book.takeClaims(12, 0)).toMatchObject({ claims: [{ lane: B1 }], waitMs: FIRST_OPEN_MS });
      expect(book.openCircuits(0)).toBe(1);
      expect(book.beginParking(0).map(({ key }) => key)).toEqual([]);
      expect(taken(book, 12, FIRST_OPEN_MS)).toEqual(['a1:1']);
    });

    it('is forgotten when the endpoint is changed', () => {
      failMany(names);
      book.wake([A1], 0);
      expect(taken(book)).toEqual([]);
      book.forgetPace(A1);
      expect(taken(book)).toEqual(['a1:4']);
    });

    it('is remembered over the lane’s rest, and a free lane is taken even so', () => {
      failMany(names);
      const [parking] = book.beginParking(0, true);
      book.endParking(parking!, true);
      expect(book.get('a1')).not.toBe(parking);
      book.wake([A1], 0);
      expect(taken(book)).toEqual(['a1:0']);
    });

    it('is known by the revision of its endpoint', () => {
      failMany(names);
      book.wake([A1], FIRST_OPEN_MS);
      claim(book, {}, { revision: '2' }, FIRST_OPEN_MS);
      expect(book.openCircuits(FIRST_OPEN_MS)).toBe(0);
    });
  });

  describe('wake-ups of owned lanes', () => {
    it('come with a generation that another process raised', () => {
      book.wake([A1], 0);
      claim(book);
      book.refresh([{ lane: A1, gen: '1' }], 0);
      expect(taken(book)).toEqual([]);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      expect(book.takeClaims(12, 0).claims).toMatchObject([{ lane: A1, after: null }]);
    });

    it('come with the time of the next delivery, found or rescheduled', () => {
      book.wake([A1], 0);
      claim(book, { a1: ['1'] }, { nextDueInMs: 500 });
      finish(book, A1, '1', 0, 300);
      taken(book);
      book.refresh([], 299);
      expect(taken(book)).toEqual([]);
      book.refresh([], 300);
      expect(taken(book)).toEqual(['a1:4']);
    });
  });

  describe('giving back', () => {
    const parkable = (nowMs: number, evenFresh = false) =>
      book.beginParking(nowMs, evenFresh).map(({ id: [, , endpoint] }) => endpoint);

    it('takes idle lanes after five seconds, and closed ones at once', () => {
      book.wake([A1], 0);
      claim(book);
      book.wake([B1], 0);
      claim(book, {}, { isOpen: false });
      expect(parkable(0)).toEqual(['b1']);
      expect(parkable(4_999)).toEqual([]);
      expect(parkable(5_000)).toEqual(['a1']);
    });

    it('leaves lanes with something in the air, with a turn, or with a claim under way', () => {
      book.wake([A1, A2, B1], 0);
      claim(book, { a1: ['1'] });
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
      claim(book);
      const [parking] = book.beginParking(5_000);
      book.wake([A1], 5_000);
      expect(taken(book)).toEqual([]);
      book.endParking(parking!, true);
      expect(book.get('a1')).not.toBe(parking);
      expect(book.takeClaims(4, 0).claims).toMatchObject([{ lane: A1, room: 4, recheckWaiting: true }]);
    });

    it('keeps a lane that could not be given back, and forgets one that was', () => {
      book.wake([A1, B1], 0);
      claim(book);
      const [first, second] = book.beginParking(5_000);
      book.endParking(first!, false);
      book.endParking(second!, true);
      expect([book.get('a1'), book.get('b1')]).toEqual([first, undefined]);
      expect(book.size).toBe(1);
    });
  });

  it('drops a lane that is another one’s, and is not confused by what was in the air for it', () => {
    book.wake([A1], 0);
    claim(book, { a1: ['1'] });
    const mine = book.get('a1')!;
    book.wake([A1], 0);
    const { claims } = book.takeClaims(12, 0);
    book.apply(claims, { deliveries: [], lanes: [] }, 0);
    expect([book.size, book.inFlightCount]).toEqual([0, 0]);
    book.endSend(mine, SUCCEEDED, 0);
    book.finish(mine, '1', 0, null);
    expect([book.size, book.inFlightCount, book.capacity(), taken(book)]).toEqual([0, 0, 12, []]);
  });
});
