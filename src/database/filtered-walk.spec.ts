import { type KeyRange, orderedScan, walk, wholeWalk } from './filtered-walk.js';

/** A list of the numbers from 1 to `SIZE`, of which every `each` passes; upwards. */
function scanOf(each: number) {
  return orderedScan<number, number>(
    {
      read: async ({ from, until }, count) => {
        const rows: number[] = [];
        for (let n = from; n < until && rows.length < count; n++) if (n % each === 0) rows.push(n);
        return Promise.resolve(rows);
      },
      edge: async ({ from, until }, length) => Promise.resolve(from + length - 1 < until ? from + length - 1 : null),
    },
    {
      cut: ({ from, until }, edge) => [
        { from, until: edge + 1 },
        { from: edge + 1, until },
      ],
    },
  );
}
const isFurther = (rest: KeyRange<number>, than: KeyRange<number>): boolean => rest.from > than.from;
const SIZE = 400_000;

describe('a walk', () => {
  it('that is stopped after a few steps goes on from where it came to, and finds each row once, in order', async () => {
    const found: number[] = [];
    let rest: KeyRange<number> | null = { from: 1, until: SIZE + 1 };
    for (let walks = 0; rest !== null; walks += 1) {
      expect(walks).toBeLessThan(10);
      const { rows, beyond }: Awaited<ReturnType<typeof walk<number, number>>> = await walk(
        [scanOf(50_000)],
        [],
        rest,
        100,
        isFurther,
        2,
      );
      found.push(...rows);
      rest = beyond;
    }
    expect(found).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * 50_000));
  });

  it('stops with a full page, and is given up when its steps are used up', async () => {
    const range = { from: 1, until: SIZE + 1 };
    const full = await walk([scanOf(10)], [], range, 20, isFurther, 2);
    expect(wholeWalk(full)).toHaveLength(20);
    const givenUp = await walk([scanOf(SIZE + 1)], [], range, 20, isFurther, 2);
    expect(() => wholeWalk(givenUp)).toThrow('narrow its time interval');
  });
});
