import { Injectable } from '@nestjs/common';
import { searchGivenUp } from '../common/bounded-search.js';
import { Clock } from '../common/clock.js';
import { uuidTime } from '../common/ids.js';
import { DAY_MS } from '../common/time.js';
import { uuidAfter } from '../common/uuid-order.js';
import { Database } from '../database/database.js';
import { every } from '../database/word-index.js';
import type { LogFilters, LogScope } from './log.js';
import { type LogSegment, logSegments, monthOf } from './log-segments.js';
import * as sql from './log-statements.js';
import type { LogRow, LogValues } from './log-statements.js';
import { isWideQuestion, logQuestion } from './log-words.js';

/** Rows that are walked before any index of words is asked: what is frequent is found there. */
const FIRST_STEP_ROWS = 3_000;
/** Where at least so many of them pass, walking on costs less than to gather all of a month from the index. */
const WALKED_SHARE = 0.025;
/** Rows of a further step: a matter of milliseconds. */
const STEP_ROWS = 20_000;
/** Rows that are walked where words are known to be frequent: a page of them, unless they are all further away. */
const NEAR_ROWS = 5_000;
const DEFAULT_MAX_STEPS = 50;
/** So many hits are judged at once. */
const MOST_HITS = 5_000;
const NARROW_MS = 4 * DAY_MS;
/** A look at so many rows tells which parts of a question need not be asked: gathering a frequent one costs most. */
const SAMPLE_ROWS = 1_000;
const RARE_SHARE = 0.01;
const FREQUENT_SHARE = 0.03;

export interface LogPage {
  readonly count: number;
  /** False: the newest first; true: those nearest above `from`, oldest first. */
  readonly upwards: boolean;
  /** Gives up between two steps when it aborts. */
  readonly signal?: AbortSignal;
  /** How many steps a search may take; past it the caller is asked to narrow the search. */
  readonly maxSteps?: number;
}

/** A row of `lookUpStatement`; without a log where none passes. */
type Hit = { readonly hits: number } & (LogRow | { readonly id: null });

/** A row of `firstHitsStatement`. */
type FirstHit = Hit & { readonly edge: string | null };

/** A question to the word index. */
interface Question {
  readonly text: string;
  readonly asking: sql.Asking;
}

/** One search on its way. */
interface Search {
  readonly scope: LogScope;
  readonly filters: LogFilters;
  readonly page: LogPage;
  readonly order: sql.Order;
  /** Of its statements; what a step asks for is laid over them. */
  readonly values: LogValues;
  readonly rows: LogRow[];
  /** Parts of the question that are left to the filters at first, since others are rare. */
  unasked: ReadonlySet<string>;
  stepsLeft: number;
}

/**
 * Searches in the order of the page. No single plan serves rare and frequent words alike, so: the first rows are walked
 * and filtered, which finds what is frequent. Past them, month by month, the word index is asked: of the rare parts of
 * the question alone where it has some, as long as they have few hits, then of all of it. Of its hits the first ones
 * are taken, as many as the page wants, which suffices unless the filters refuse some; then a bounded number of them,
 * what a further short walk meets, the first thousands, and at last all are judged.
 */
@Injectable()
export class LogSearch {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError 503 when the search would walk more steps than the page allows. */
  async run(scope: LogScope, filters: LogFilters, page: LogPage): Promise<LogRow[]> {
    const order = page.upwards ? 'ASC' : 'DESC';
    const values = sql.logValues(scope, filters, page.count);
    const stepsLeft = page.maxSteps ?? DEFAULT_MAX_STEPS;
    const search: Search = { scope, filters, page, order, values, rows: [], unasked: new Set(), stepsLeft };
    if (isOfOperations(search)) {
      // Each has an index of its own, and few logs as a rule.
      await this.walk(search, { from: values.from, until: values.until, isOffTime: false });
      return search.rows;
    }
    const segments = logSegments(filters, this.clock.now());
    if (!page.upwards) segments.reverse();
    const onTimeAt = segments.findIndex(({ isOffTime }) => !isOffTime);
    const offTime = onTimeAt === -1 ? segments : segments.slice(0, onTimeAt);
    await this.searchSegments(search, offTime);
    if (isFull(search)) return search.rows;
    const rest = segments.slice(offTime.length);
    const left = isSelective(filters) ? rest : await this.walkFirst(search, rest);
    if (left.length > 1 && !isFull(search)) search.unasked = await this.frequentParts(search, left[0]!);
    await this.searchSegments(search, left);
    return search.rows;
  }

  private async searchSegments(search: Search, segments: readonly LogSegment[]): Promise<void> {
    for (const segment of segments) {
      if (isFull(search)) return;
      await this.searchSegment(search, segment);
    }
  }

  /** Walks from the beginning on, as far as that finds much; the segments that are left. */
  private async walkFirst(search: Search, segments: readonly LogSegment[]): Promise<LogSegment[]> {
    const offTimeAt = segments.findIndex(({ isOffTime }) => isOffTime);
    const onTime = offTimeAt === -1 ? segments : segments.slice(0, offTimeAt);
    if (onTime.length === 0) return [...segments];
    const [first, last] = [onTime[0]!, onTime.at(-1)!];
    let rest: LogSegment | null = search.page.upwards ? { ...first, until: last.until } : { ...first, from: last.from };
    for (let found = FIRST_STEP_ROWS; rest !== null && !isFull(search) && found >= FIRST_STEP_ROWS * WALKED_SHARE;) {
      const before = search.rows.length;
      rest = await this.walkStep(search, rest, FIRST_STEP_ROWS);
      found = search.rows.length - before;
    }
    const ahead = rest;
    const left = ahead === null ? [] : onTime.flatMap((segment) => overlap(segment, ahead));
    return [...left, ...segments.slice(onTime.length)];
  }

  /** The frequent parts of a question that has a rare one, judged by rows of the segment. */
  private async frequentParts(search: Search, segment: LogSegment): Promise<Set<string>> {
    const parts = logQuestion(search.scope, search.filters, false);
    if (parts.length < 2) return new Set();
    const shares = parts.map(() => 0);
    const counts = await this.rows<{ part: number; matching: number }>(sql.sampleStatement(search.order), {
      ...valuesIn(search, segment),
      limit: SAMPLE_ROWS,
      parts,
    });
    for (const { part, matching } of counts) shares[part] = matching / SAMPLE_ROWS;
    if (Math.min(...shares) > RARE_SHARE) return new Set();
    return new Set(parts.filter((_part, index) => shares[index]! > FREQUENT_SHARE));
  }

  private async searchSegment(search: Search, segment: LogSegment): Promise<void> {
    const { scope, filters, page, unasked } = search;
    page.signal?.throwIfAborted();
    const parts = logQuestion(scope, filters, segment.isOffTime);
    if (parts.length === 0 || (isNarrow(segment) && (await this.edgeOf(search, segment, STEP_ROWS)) === null)) {
      return this.walk(search, segment);
    }
    const isWide = segment.isOffTime || isWideQuestion(filters);
    const whole: Question = { text: every(parts), asking: isWide ? 'wide' : 'whole' };
    // Logs that are off time are few on any day, as a rule; their days come last.
    const rare = segment.isOffTime ? parts.slice(-1) : parts.filter((part) => !unasked.has(part));
    let rest: LogSegment | null = segment;
    // What is rare among the newest logs may be frequent in this month.
    if (rare.length < parts.length) {
      if (await this.takeHits(search, rest, { text: every(rare), asking: 'partial' }, MOST_HITS)) return;
      if (!segment.isOffTime) rest = await this.walkStep(search, rest, NEAR_ROWS);
      if (rest === null || isFull(search)) return;
    }
    if (!segment.isOffTime) {
      rest = await this.takeFirstHits(search, rest, whole, page.count);
      if (rest === null || isFull(search)) return;
      rest = await this.walkStep(search, rest, NEAR_ROWS);
      if (rest === null || isFull(search)) return;
    }
    // Of days that are off time only a part may lie in the interval.
    rest = await this.takeFirstHits(search, rest, whole, MOST_HITS);
    if (rest === null || isFull(search)) return;
    await this.takeHits(search, rest, whole, null);
  }

  /**
   * Takes what passes of the segment's first `most` hits; what is left of it beyond them, null when that is nothing.
   */
  private async takeFirstHits(
    search: Search,
    segment: LogSegment,
    { text, asking }: Question,
    most: number,
  ): Promise<LogSegment | null> {
    search.page.signal?.throwIfAborted();
    const statement = sql.firstHitsStatement(search.order, monthOf(segment), asking);
    const rows = await this.rows<FirstHit>(statement, { ...valuesIn(search, segment), question: text, most });
    search.rows.push(...rows.filter(isFound));
    const { hits, edge } = rows[0]!;
    if (hits < most) return null;
    return { ...segment, ...(search.page.upwards ? { from: uuidAfter(edge!) } : { until: edge! }) };
  }

  /**
   * Takes what passes of all of the segment's hits; false, and nothing taken, when they are more than `most`; null: no
   * limit.
   */
  private async takeHits(
    search: Search,
    segment: LogSegment,
    { text, asking }: Question,
    most: number | null,
  ): Promise<boolean> {
    search.page.signal?.throwIfAborted();
    const rows = await this.rows<Hit>(sql.lookUpStatement(search.order, monthOf(segment), asking), {
      ...valuesIn(search, segment),
      question: text,
      most: most === null ? null : most + 1,
    });
    if (most !== null && rows[0]!.hits > most) return false;
    search.rows.push(...rows.filter(isFound));
    return true;
  }

  private async walk(search: Search, segment: LogSegment): Promise<void> {
    for (let rest: LogSegment | null = segment; rest !== null && !isFull(search);) {
      rest = await this.walkStep(search, rest, STEP_ROWS);
    }
  }

  /**
   * Where the next `count` rows of the segment end (of each operation asked for); null when it has no more than that.
   */
  private async edgeOf(search: Search, segment: LogSegment, count: number): Promise<string | null> {
    const statement = (isOfOperations(search) ? sql.operationsEdgeStatement : sql.edgeStatement)(search.order);
    const values = { ...valuesIn(search, segment), offset: count - 1 };
    const [last] = await this.rows<{ id: string }>(statement, values);
    if (last === undefined) return null;
    return search.page.upwards ? uuidAfter(last.id) : last.id;
  }

  /** Filters the next `count` rows of the segment; what is left of it, null when that is nothing. */
  private async walkStep(search: Search, segment: LogSegment, count: number): Promise<LogSegment | null> {
    const { page, rows } = search;
    page.signal?.throwIfAborted();
    if (search.stepsLeft-- <= 0) {
      throw searchGivenUp();
    }
    const edge = await this.edgeOf(search, segment, count);
    const step = edge === null ? segment : { ...segment, ...(page.upwards ? { until: edge } : { from: edge }) };
    const statement = (isOfOperations(search) ? sql.operationsStatement : sql.stepStatement)(search.order);
    rows.push(...(await this.rows<LogRow>(statement, valuesIn(search, step))));
    if (edge === null) return null;
    return { ...segment, ...(page.upwards ? { from: edge } : { until: edge }) };
  }

  private rows<R>(statement: sql.LogStatement, values: LogValues): Promise<R[]> {
    return this.database.rows<R>(statement.statement, statement.valuesOf(values));
  }
}

function isOfOperations({ filters }: Search): boolean {
  return filters.operationIds.length > 0;
}

function overlap(segment: LogSegment, { from, until }: LogSegment): LogSegment[] {
  const both = {
    ...segment,
    from: segment.from > from ? segment.from : from,
    until: segment.until < until ? segment.until : until,
  };
  return both.from < both.until ? [both] : [];
}

/** A month's hits are many for an interval of hours; its rows may be few. */
function isNarrow({ from, until }: LogSegment): boolean {
  return uuidTime(until) - uuidTime(from) < NARROW_MS;
}

/** A row that tells of the hits alone has no log. */
function isFound<Row extends Hit>(row: Row): row is Row & LogRow {
  return row.id !== null;
}

function isFull({ rows, page }: Search): boolean {
  return rows.length >= page.count;
}

/** For as many logs of the segment as the page still wants. */
function valuesIn({ values, page, rows }: Search, { from, until }: LogSegment): LogValues {
  return { ...values, from, until, limit: page.count - rows.length };
}

/** Filters that leave a handful of all logs: walking first would find nothing. */
function isSelective({ eventIds, requestIds }: LogFilters): boolean {
  return eventIds.length > 0 || requestIds.length > 0;
}
