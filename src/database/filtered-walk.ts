import { AppError } from '../common/app-error.js';

/** Keys from `from` on and before `until`. */
export interface KeyRange<K> {
  readonly from: K;
  readonly until: K;
}

/** One way through a list: an ordered index scan that one filter drives, with the other filters as conditions. */
export interface Scan<K, R> {
  /** Up to `count` rows of the range that pass all filters, in order. */
  read(range: KeyRange<K>, count: number): Promise<R[]>;
  /** The key of the last of about `rows` entries of its index; null: it ends before. */
  edge(range: KeyRange<K>, rows: number): Promise<K | null>;
}

/** Which way a list is read. */
export interface WalkDirection<K> {
  /** The range up to the edge, in this direction, and what is left beyond it. */
  cut(range: KeyRange<K>, edge: K): readonly [near: KeyRange<K>, beyond: KeyRange<K>];
  isFurther(edge: K, than: K): boolean;
}

/** Index entries of each scan that are looked at in the first rounds, and of the best one in each further step. */
const ROUNDS = [300, 3_000];
const STEP = 30_000;
const MAX_STEPS = 100;

/**
 * Up to `count` rows that pass all filters. In the first rounds every scan takes a step of bounded length, the most
 * selective first, until one fills the page or comes to its end. Then the one that came furthest, for its filter left
 * out the most, goes on step by step.
 * @throws AppError 503 when the steps are used up.
 */
export async function walk<K, R>(
  scans: readonly Scan<K, R>[],
  range: KeyRange<K>,
  count: number,
  direction: WalkDirection<K>,
): Promise<R[]> {
  const rows: R[] = [];
  let rest = range;
  let best = scans[0]!;
  for (const length of [...ROUNDS, ...Array<number>(MAX_STEPS).fill(STEP)]) {
    const isRound = length < STEP;
    let furthest: Step<K, R> | null = null;
    for (const scan of isRound ? scans : [best]) {
      const taken = await step(scan, rest, length, count - rows.length, direction);
      if (taken.edge === null || taken.rows.length >= count - rows.length) return [...rows, ...taken.rows];
      if (furthest === null || direction.isFurther(taken.edge, furthest.edge!)) {
        furthest = taken;
        best = scan;
      }
    }
    rows.push(...furthest!.rows);
    rest = furthest!.beyond;
  }
  throw new AppError('unavailable', 'This search takes too long; narrow its time interval.');
}

interface Step<K, R> {
  readonly rows: R[];
  /** Null: the scan came to its end. */
  readonly edge: K | null;
  readonly beyond: KeyRange<K>;
}

async function step<K, R>(
  scan: Scan<K, R>,
  range: KeyRange<K>,
  length: number,
  count: number,
  direction: WalkDirection<K>,
): Promise<Step<K, R>> {
  const edge = await scan.edge(range, length);
  const [near, beyond] = edge === null ? [range, range] : direction.cut(range, edge);
  return { rows: await scan.read(near, count), edge, beyond };
}
