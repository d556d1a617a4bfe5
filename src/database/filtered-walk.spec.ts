import { type KeyRange, orderedScan, type Scan, walk, wholeWalk } from './filtered-walk.js';

/**
 * A list of the numbers from 1 to `SIZE`, of which every `each` passes; upwards. `reads`: gets each range that is read.
 */
function scanOf(each: number, reads: KeyRange<number>[] = [], entryEach = 1) {
  return orderedScan<number, number>(
    {
      read: async ({ from, until }, count) => {
        reads.push({ from, until });
        const rows: number[] = [];
        for (let n = from; n < until && rows.length < count; n++) if (n % each === 0) rows.push(n);
        return Promise.resolve(rows);
      },
      edge: async ({ from, until }, length) => {
        const edge = from + length * entryEach - 1;
        return Promise.resolve(edge < until ? edge : null);
      },
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

  it('reads on along the scan whose entries reach furthest, and nothing twice', async () => {
    const [ofAll, ofFew]: [KeyRange<number>[], KeyRange<number>[]] = [[], []];
    const [all, few] = [scanOf(5_000, ofAll), scanOf(5_000, ofFew, 1_000)];
    const range = { from: 1, until: SIZE + 1 };
    const wanted = Array.from({ length: SIZE / 5_000 }, (_, n) => (n + 1) * 5_000);
    expect(wholeWalk(await walk([all, few], [], range, 100, isFurther))).toEqual(wanted);
    expect(ofAll).toHaveLength(1);
    ofAll.length = ofFew.length = 0;
    expect(wholeWalk(await walk([few, all], [], range, 100, isFurther))).toEqual(wanted);
    expect(ofAll).toEqual([]);
    expect(ofFew).toEqual([
      { from: 1, until: 300_001 },
      { from: 300_001, until: SIZE + 1 },
    ]);
  });

  it('leaves the way to a scan that jumps as long as it can', async () => {
    const reads: KeyRange<number>[] = [];
    const jumping: Scan<number, number> = {
      step: async ({ from, until }) => {
        const beyond = { from: from + 100_000, until };
        return Promise.resolve({ rows: [from + 50_000], beyond: beyond.from < until ? beyond : null });
      },
    };
    const range = { from: 1, until: SIZE + 1 };
    const rows = wholeWalk(await walk([scanOf(SIZE + 1, reads)], [jumping], range, 100, isFurther));
    expect(rows).toEqual([50_001, 150_001, 250_001, 350_001]);
    expect(reads).toEqual([{ from: 1, until: 301 }]);
  });
});
