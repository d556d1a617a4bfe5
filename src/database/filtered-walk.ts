import { searchGivenUp } from '../common/bounded-search.js';

/** Keys from `from` on and before `until`. */
export interface KeyRange<K> {
  readonly from: K;
  readonly until: K;
}

/** Which way a list is read. */
export interface WalkDirection<K> {
  /** The range up to the key, which is in it, and what is left beyond it. */
  cut(range: KeyRange<K>, edge: K): readonly [near: KeyRange<K>, beyond: KeyRange<K>];
}

/** What one step found in the part of the range that it went through. */
export interface Step<K, R> {
  readonly rows: readonly R[];
  /** What is left of the range; null: nothing. */
  readonly beyond: KeyRange<K> | null;
}

/** One way through a list that one filter drives, with the other filters as conditions. */
export interface Scan<K, R> {
  /**
   * Goes through the beginning of the range: `length` entries of its index, or however much an index gives at once.
   * Up to `count` rows that pass all filters, in order; null when this way is of no use here, for instance because what
   * would be left of the range is not worth it by `isWorth`.
   */
  step(
    range: KeyRange<K>,
    length: number,
    count: number,
    isWorth: (beyond: KeyRange<K>) => boolean,
  ): Promise<Step<K, R> | null>;
}

/** The reads of a scan over an ordered index. */
export interface OrderedReads<K, R> {
  /** Up to `count` rows of the range that pass all filters, in order. */
  read(range: KeyRange<K>, count: number): Promise<R[]>;
  /** The key of the last of about `length` entries of the index; null: it ends before. */
  edge(range: KeyRange<K>, length: number): Promise<K | null>;
}

/** A scan over an ordered index: finds where the step ends, then reads up to there. */
export function orderedScan<K, R>(reads: OrderedReads<K, R>, direction: WalkDirection<K>): Scan<K, R> {
  return {
    async step(range, length, count, isWorth) {
      const edge = await reads.edge(range, length);
      if (edge === null) return { rows: await reads.read(range, count), beyond: null };
      const [near, beyond] = direction.cut(range, edge);
      if (!isWorth(beyond)) return null;
      return { rows: await reads.read(near, count), beyond };
    },
  };
}

/** Index entries of each scan that are looked at in the first rounds, and of the best one in each further step. */
export const FIRST_ROUND = 300;
export const SECOND_ROUND = 3_000;
const LONG_STEP = 30_000;
const MOST_STEPS = 100;

/**
 * What a walk found; `beyond`: the part of the range that it did not come to, null when it filled the page or came to
 * the end.
 */
export interface Walked<K, R> {
  readonly rows: readonly R[];
  readonly beyond: KeyRange<K> | null;
}

/**
 * Up to `count` rows that pass all filters. In the first rounds every scan takes a step of bounded length until one
 * fills the page or comes to its end, and reads only what brings it further than the others. In the second those that
 * jump come first and then the ordered one that came furthest, for its filter left out the most; it goes on for up to
 * `mostSteps` after that, and those that jump are tried before each.
 */
export async function walk<K, R>(
  ordered: readonly Scan<K, R>[],
  jumping: readonly Scan<K, R>[],
  range: KeyRange<K>,
  count: number,
  isFurther: (rest: KeyRange<K>, than: KeyRange<K>) => boolean,
  mostSteps = MOST_STEPS,
): Promise<Walked<K, R>> {
  const rows: R[] = [];
  let rest = range;
  let best = ordered[0]!;
  const take = (step: Step<K, R>): boolean => {
    rows.push(...step.rows);
    if (step.beyond !== null) rest = step.beyond;
    return step.beyond === null || rows.length >= count;
  };
  for (const length of [FIRST_ROUND, SECOND_ROUND]) {
    const others = ordered.filter((scan) => scan !== best);
    let furthest: Step<K, R> | null = null;
    const isWorth = (beyond: KeyRange<K>): boolean => furthest === null || isFurther(beyond, furthest.beyond!);
    for (const scan of length === FIRST_ROUND ? [...ordered, ...jumping] : [...jumping, best, ...others]) {
      const step = await scan.step(rest, length, count - rows.length, isWorth);
      if (step === null) continue;
      if (step.beyond === null || step.rows.length >= count - rows.length) {
        return { rows: [...rows, ...step.rows], beyond: null };
      }
      if (!isWorth(step.beyond)) continue;
      furthest = step;
      if (ordered.includes(scan)) best = scan;
      else if (length === SECOND_ROUND) break;
    }
    if (furthest !== null && take(furthest)) return { rows, beyond: null };
  }
  for (let steps = 0; steps < mostSteps; steps += 1) {
    let step: Step<K, R> | null = null;
    for (const scan of [...jumping, best]) step ??= await scan.step(rest, LONG_STEP, count - rows.length, () => true);
    if (take(step!)) return { rows, beyond: null };
  }
  return { rows, beyond: rest };
}

/** The rows of a walk. @throws AppError 503 when its steps were used up. */
export function wholeWalk<K, R>({ rows, beyond }: Walked<K, R>): readonly R[] {
  if (beyond !== null) throw searchGivenUp();
  return rows;
}
