import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { LogFilters, LogScope } from './log.js';
import { type LogSegment, logSegments } from './log-segments.js';
import { filterValues, LOG_STATEMENTS, type LogRow, type LogStatements } from './log-statements.js';
import { logQuestion } from './log-words.js';
import { uuidAfter } from './uuid-order.js';

/** Rows that the first step walks, before any index of words is asked: what is frequent is found there. */
const FIRST_STEP_ROWS = 3_000;
/** Rows of a further step: a matter of milliseconds. */
const STEP_ROWS = 20_000;
const DEFAULT_MAX_STEPS = 50;
/** So many hits are read and sorted; with more the words are frequent, and walking meets them soon. */
const MOST_HITS = 5_000;
const ALL_HITS = null;

export interface LogPage {
  readonly count: number;
  /** False: the newest first; true: those nearest above `from`, oldest first. */
  readonly upwards: boolean;
  /** Gives up between two steps when it aborts. */
  readonly signal?: AbortSignal;
  /** How many steps a search may take; past it the caller is asked to narrow the search. */
  readonly maxSteps?: number;
}

interface Hit extends LogRow {
  readonly total: number;
}

/** One search on its way. */
interface Search {
  readonly scope: LogScope;
  readonly filters: LogFilters;
  readonly page: LogPage;
  readonly statements: LogStatements;
  readonly rows: LogRow[];
  stepsLeft: number;
}

/**
 * Searches in the order of the page. No single plan serves rare and frequent words alike, so: the first rows are walked
 * and filtered; past them, month by month, the word index is asked for a bounded number of hits; where there are more,
 * the month is walked on, and its hits are sorted only when even that did not fill the page.
 */
@Injectable()
export class LogSearch {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError 503 when the search would walk more steps than the page allows. */
  async run(scope: LogScope, filters: LogFilters, page: LogPage): Promise<LogRow[]> {
    const statements = LOG_STATEMENTS[page.upwards ? 'up' : 'down'];
    const stepsLeft = page.maxSteps ?? DEFAULT_MAX_STEPS;
    const search: Search = { scope, filters, page, statements, rows: [], stepsLeft };
    const segments = logSegments(filters, this.clock.now());
    if (!page.upwards) segments.reverse();
    for (const segment of isSelective(filters) ? segments : await this.walkFirst(search, segments)) {
      if (isFull(search)) break;
      await this.searchSegment(search, segment);
    }
    return search.rows;
  }

  /** Walks one short step from the beginning on; the segments that are left. */
  private async walkFirst(search: Search, segments: readonly LogSegment[]): Promise<LogSegment[]> {
    const offTimeAt = segments.findIndex(({ isOffTime }) => isOffTime);
    const onTime = offTimeAt === -1 ? segments : segments.slice(0, offTimeAt);
    if (onTime.length === 0) return [...segments];
    const [first, last] = [onTime[0]!, onTime.at(-1)!];
    const range = search.page.upwards ? { ...first, until: last.until } : { ...first, from: last.from };
    const rest = await this.walkStep(search, range, FIRST_STEP_ROWS);
    const left = rest === null ? [] : onTime.flatMap((segment) => overlap(segment, rest));
    return [...left, ...segments.slice(onTime.length)];
  }

  private async searchSegment(search: Search, segment: LogSegment): Promise<void> {
    const { scope, filters } = search;
    const question = logQuestion(scope, filters, segment.isOffTime);
    if (question === null) return this.walk(search, segment);
    if (await this.lookUp(search, segment, question, MOST_HITS)) return;
    const rest = await this.walkStep(search, segment, STEP_ROWS);
    if (rest !== null && !isFull(search)) await this.lookUp(search, rest, question, ALL_HITS);
  }

  /** Takes the segment's hits; false, and nothing taken, when they are more than `most`. */
  private async lookUp(search: Search, segment: LogSegment, question: string, most: number | null): Promise<boolean> {
    const cap = most === null ? null : most + 1;
    const values = [...stepValues(search, segment), question, cap];
    const hits = await this.database.rows<Hit>(search.statements.lookUp, values);
    if (most !== null && hits.length > 0 && hits[0]!.total > most) return false;
    search.rows.push(...hits);
    return true;
  }

  private async walk(search: Search, segment: LogSegment): Promise<void> {
    for (let rest: LogSegment | null = segment; rest !== null && !isFull(search);) {
      rest = await this.walkStep(search, rest, STEP_ROWS);
    }
  }

  /** Filters the next `count` rows of the segment; what is left of it, null when that is nothing. */
  private async walkStep(search: Search, segment: LogSegment, count: number): Promise<LogSegment | null> {
    const { scope, page, statements, rows } = search;
    page.signal?.throwIfAborted();
    if (search.stepsLeft-- <= 0) {
      throw new AppError('unavailable', 'This search takes too long; narrow its time interval.');
    }
    const { from, until } = segment;
    const [last] = await this.database.rows<{ id: string }>(statements.edge, [
      scope.accountId,
      scope.mode,
      from,
      until,
      count - 1,
    ]);
    const edge = last && (page.upwards ? uuidAfter(last.id) : last.id);
    const step = edge === undefined ? segment : { ...segment, ...(page.upwards ? { until: edge } : { from: edge }) };
    rows.push(...(await this.database.rows<LogRow>(statements.step, stepValues(search, step))));
    if (edge === undefined) return null;
    return { ...segment, ...(page.upwards ? { from: edge } : { until: edge }) };
  }
}

function overlap(segment: LogSegment, { from, until }: LogSegment): LogSegment[] {
  const both = {
    ...segment,
    from: segment.from > from ? segment.from : from,
    until: segment.until < until ? segment.until : until,
  };
  return both.from < both.until ? [both] : [];
}

function isFull({ rows, page }: Search): boolean {
  return rows.length >= page.count;
}

/** The values of $1 to $15. */
function stepValues({ scope, filters, page, rows }: Search, { from, until }: LogSegment): unknown[] {
  return [scope.accountId, scope.mode, from, until, page.count - rows.length, ...filterValues(filters)];
}

/** Filters that leave a handful of all logs: walking first would find nothing. */
function isSelective({ eventIds, requestIds }: LogFilters): boolean {
  return eventIds.length > 0 || requestIds.length > 0;
}
