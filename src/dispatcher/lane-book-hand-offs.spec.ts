import type { HandedLane } from '../deliveries/hand-offs.js';
import type { LaneBook } from './lane-book.js';
import { A1, A2, B1, claim, delivery, finish, lane, newBook, state, taken } from './lane-book.spec-support.js';

describe('LaneBook', () => {
  let book: LaneBook;
  beforeEach(() => (book = newBook()));

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
      claim(book);
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
      ['keeps an order', () => (book.wake([A1], 0), claim(book, {}, { isOrdered: true }))],
      [
        'keeps a rate',
        () => (book.wake([A1], 0), claim(book, {}, { rateLimit: 5 }), claim(book, {}, { rateLimit: 5 })),
      ],
      ['is closed', () => (book.wake([A1], 0), claim(book, {}, { isOpen: false }))],
      ['is being given back', () => book.beginParking(0, true)],
      ['is being claimed', () => (book.wake([A1], 0), book.takeClaims(4, 0))],
    ])('finds none in a lane that %s', (_, happen) => {
      happen();
      expect(kept()).toEqual([]);
    });

    it('finds some again once a claim tells that none waits for its turn any more', () => {
      book.wake([A1], 0);
      claim(book, { a1: ['1'] }, { isOrdered: true });
      finish(book, A1, '1');
      claim(book, { a1: ['2'] }, { isOrdered: true });
      expect(kept()).toEqual([]);
      finish(book, A1, '2');
      claim(book);
      expect(kept()).toEqual(['a1:4']);
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
      expect(taken(book)).toEqual([]);
    });

    it('makes the next claim read from the head where somebody has, or where not all was handed over', () => {
      take(handed(['1'], { gen: '3' }));
      expect(book.takeClaims(4, 0).claims).toMatchObject([{ lane: A1, after: null }]);
      book.drop(book.get('a1')!);
      book.wake([A1], 0);
      claim(book);
      take(handed(['2'], { isAll: false }));
      expect(book.takeClaims(4, 0).claims).toMatchObject([{ lane: A1, after: null }]);
    });

    it('is sent once, though a claim met it before the publish was answered', () => {
      const { lane: of, room } = reserve(1);
      book.wake([A1], 0);
      claim(book, { a1: ['1'] });
      finish(book, A1, '1');
      expect(book.takeHanded(of, room, handed(['1']), 0)).toEqual([]);
    });

    it('is sent once, though it is settled before a claim is answered that met it', () => {
      const { lane: of } = reserve(1);
      book.wake([A1], 0);
      const { claims } = book.takeClaims(12, 0);
      expect(book.takeHanded(of, 1, handed(['1']), 0)).toHaveLength(1);
      finish(book, A1, '1');
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
      book = newBook({ concurrency: 8 });
      book.wake([A1, A2, lane('a', 'a3'), lane('a', 'a4')], 0);
      claim(book);
      expect(kept()).toEqual(['a1:2', 'a2:2']);
      book.wake([B1], 0);
      expect(taken(book)).toEqual(['b1:4']);
    });

    it('does not make its lane forget a retry that was settled while a claim was on its way', () => {
      take(handed(['1']));
      book.wake([A1], 0);
      const { claims } = book.takeClaims(12, 0);
      finish(book, A1, '1', 0, 5_000);
      book.apply(claims, { deliveries: [], lanes: [state(A1, { gen: '2' })] }, 0);
      take(handed(['2'], { gen: '3' }));
      finish(book, A1, '2', 4_999);
      book.refresh([{ lane: A1, gen: '3' }], 5_000);
      expect(book.takeClaims(12, 5_000).claims).toMatchObject([{ lane: A1, after: null }]);
    });

    it('keeps its lane from being given back', () => {
      reserve();
      expect(book.beginParking(0, true)).toEqual([]);
    });
  });
});
