import { maskText } from '../common/masked-text.js';
import { searchText } from '../common/search-text.js';
import { anyOf, wholeWord, wordStart } from '../database/word-index.js';
import { beginningsBetween } from './number-ranges.js';
import { LOG_CATEGORIES, LOG_STATUSES, type LogFilters, type LogScope } from './log.js';

/** SQL: what is indexed of a log; `logs_by_word` serves `<this> @@ $n::tsquery`. */
export const LOG_WORDS = `signalpost.log_words(l.account_id, l.mode, l.id, l.search, l.status, l.category, l.action,
  l.event_id, l.endpoint_id, l.api_key_id, l.request_id)`;

/**
 * Begins a word of logs that were recorded long before or after they happened; the day on which they happened follows,
 * in UTC: `.d20260117`. So a filter on `occurred_at` finds them outside its own days. No word of a text begins with a
 * dot.
 */
const DAY_WORD = '.d';
/** Logs without that word happened within so much of their recording. */
export const ON_TIME_MS = 600_000;

/** What a log tells, and of which operation. */
export interface LogTold {
  readonly operationId?: string | null;
  readonly reference?: string | null;
  /** A sentence of `descriptions.ts`, or a caller's own after `maskText`. */
  readonly description: string;
}

/**
 * The text that a log is found by. The operation comes first, so that no long description cuts it off. A reference is
 * what a caller wrote, so cards and keys in it are covered; it is found by what is left of it.
 */
export function logText({ operationId, reference, description }: LogTold): string {
  return searchText(operationId, reference && maskText(reference), description);
}

/** What is added to a log's text to be found by; judged with half the bound, since ids are made a little later. */
export function offTimeWord(occurredAtMs: number, nowMs: number): string {
  return Math.abs(occurredAtMs - nowMs) > ON_TIME_MS / 2 ? ` ${DAY_WORD}${dayOf(occurredAtMs)}` : '';
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10).replaceAll('-', '');
}

/** The beginnings of the days of an interval. */
function daysOf({ occurredAfter, occurredBefore }: LogFilters): string[] {
  const first = occurredAfter === null ? '00000000' : dayOf(Date.parse(occurredAfter));
  const last = occurredBefore === null ? '99999999' : dayOf(Date.parse(occurredBefore) - 1);
  return beginningsBetween(first, last);
}

/** What the index can say of the filters, in parts that all must be true. `isOffTime`: only logs off time. */
export function logQuestion(scope: LogScope, filters: LogFilters, isOffTime: boolean): string[] {
  const parts = filters.terms.map((term) => wordStart(scope, term));
  const oneOf = (words: readonly string[]): void => {
    if (words.length > 0) parts.push(words.length === 1 ? words[0]! : anyOf(words));
  };
  oneOf(outcomeWords(scope, filters));
  oneOf(filters.eventIds.map((id) => wholeWord(scope, `.e${id}`)));
  oneOf(filters.endpointIds.map((id) => wholeWord(scope, `.w${id}`)));
  oneOf(filters.apiKeyIds.map((id) => wholeWord(scope, `.k${id}`)));
  oneOf(filters.requestIds.map((id) => wholeWord(scope, `.r${id}`)));
  if (isOffTime) oneOf(daysOf(filters).map((beginning) => wordStart(scope, `${DAY_WORD}${beginning}`)));
  return parts;
}

const MANY_WORDS = 40;

/**
 * Whether the question of these filters is one of many words in each other's place: several actions are, times
 * statuses.
 */
export function isWideQuestion({ statuses, categories, actions }: LogFilters): boolean {
  return orAll(statuses, LOG_STATUSES).length * orAll(categories, LOG_CATEGORIES).length * actions.length > MANY_WORDS;
}

/** Status, category and action are one word of a log: `.failed:webhook:delivery.failed`. */
function outcomeWords(scope: LogScope, { statuses, categories, actions }: LogFilters): string[] {
  if (statuses.length + categories.length + actions.length === 0) return [];
  const endings = categories.length + actions.length === 0 ? [''] : outcomeEndings(categories, actions);
  return orAll(statuses, LOG_STATUSES).flatMap((status) =>
    endings.map((ending) => (actions.length > 0 ? wholeWord : wordStart)(scope, `.${status}:${ending}`)),
  );
}

function outcomeEndings(categories: LogFilters['categories'], actions: readonly string[]): string[] {
  const names = actions.length > 0 ? actions : [''];
  return orAll(categories, LOG_CATEGORIES).flatMap((category) => names.map((action) => `${category}:${action}`));
}

function orAll<T>(values: readonly T[], all: readonly T[]): readonly T[] {
  return values.length > 0 ? values : all;
}
