import type { LaneState } from '../deliveries/lane-queue.repository.js';
import type { LaneBook } from './lane-book.js';
import { A1, claim, delivery, finish, newBook, state, taken } from './lane-book.spec-support.js';

describe('LaneBook', () => {
  let book: LaneBook;
  beforeEach(() => (book = newBook()));

  describe('what was read', () => {
    const after = (nowMs = 0) => book.takeClaims(12, nowMs).claims.map((wanted) => wanted.after?.id ?? 'head');
    /** Claims the deliveries named and leaves the lane hungry, so that its next claim shows where it begins. */
    const read = (names: string[], more: Partial<LaneState> = {}) => {
      book.wake([A1], 0);
      claim(book, { a1: names }, more);
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
      claim(book, { a1: ['2'] }, { gen: '2' });
      book.refresh([{ lane: A1, gen: '2' }], 0);
      expect(after()).toEqual(['head']);
    });

    it('goes on from the head while a full claim from there came less far than an earlier one', () => {
      read(['8', '9']);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      claim(book, { a1: ['1', '2'] }, { gen: '2' }); // All the room that the lane had.
      finish(book, A1, '8');
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
      claim(book, { a1: ['1'] });
      finish(book, A1, '1');
      expect(taken(book)).toEqual([]);
    });

    it('asks for one at every end in an ordered lane, as another may go now', () => {
      book.wake([A1], 0);
      claim(book, { a1: ['1'] }, { isOrdered: true });
      finish(book, A1, '1');
      expect(taken(book)).toEqual(['a1:4']);
    });

    it('is of new lanes also those that wait for their turn, some at a time, to the end', () => {
      book.wake([A1], 0);
      claim(book, {}, { recheckedTo: 'd5' });
      const { claims } = book.takeClaims(4, 0);
      expect(claims).toMatchObject([{ recheckWaiting: true, recheckAfter: 'd5' }]);
      book.refresh([{ lane: A1, gen: '2' }], 0);
      book.apply(claims, { deliveries: [], lanes: [state(A1, { gen: '2', recheckedTo: 'd9' })] }, 0);
      expect(claim(book, {}, { gen: '2' })).toMatchObject([{ recheckWaiting: true, recheckAfter: 'd9' }]);
      expect(claim(book, {}, { gen: '2' })).toEqual([]);
    });

    it('is the head alone when another process wrote: whoever ends a delivery releases the one behind it', () => {
      read([], { isOrdered: true });
      claim(book, {}, { isOrdered: true });
      for (const gen of ['2', '3']) {
        book.refresh([{ lane: A1, gen }], 0);
        expect(claim(book, {}, { gen, isOrdered: true })).toMatchObject([{ recheckWaiting: false, after: null }]);
      }
    });
  });
});
