/** Whose words: an account and mode, or the platform's own. */
export interface WordOwner {
  readonly accountId: string;
  readonly mode: string;
}

/**
 * SQL: the indexed words of a row with the columns `account_id`, `mode` and `search`. `<this> @@ $n::tsquery` with a
 * question of this file is an index look-up. Account and mode must be asked beside it: their part of a word is short.
 */
export function indexedWords(alias: string): string {
  return `signalpost.search_words(${alias}.account_id, ${alias}.mode, ${alias}.search)`;
}

/** The question for rows that have, for each of `terms`, a word that begins so; terms as `searchTerms` gives them. */
export function everyTerm(owner: WordOwner, terms: readonly string[]): string {
  return every(terms.map((term) => wordStart(owner, term)));
}

/** Part of a question: a word that begins so. */
export function wordStart(owner: WordOwner, start: string): string {
  return `${wholeWord(owner, start)}:*`;
}

/** Part of a question: this very word. */
export function wholeWord({ accountId, mode }: WordOwner, word: string): string {
  // Quoted, so that no sign in it is an operator: only quotes and backslashes mean something there.
  return `'${mode.slice(0, 1)}${accountId.slice(-6)}${word.replace(/['\\]/g, '$&$&')}'`;
}

export function every(parts: readonly string[]): string {
  return parts.join(' & ');
}

export function anyOf(parts: readonly string[]): string {
  return `(${parts.join(' | ')})`;
}

/** How many rows of a sample match a term, which is named by its place among the terms, from 0. */
export interface TermCount {
  readonly term: number;
  readonly matching: number;
}

/**
 * SQL: a `TermCount` for each term that occurs in a sample. `sample`: a SELECT of some rows' column `search`.
 * `patterns`: the placeholder of the terms' patterns, as `searchPattern` gives them.
 */
export function termCounts(sample: string, patterns: string): string {
  return `SELECT (wanted.number - 1)::integer AS term, count(*)::integer AS matching
    FROM (${sample}) AS sampled
    JOIN unnest(${patterns}::text[]) WITH ORDINALITY AS wanted (pattern, number) ON sampled.search LIKE wanted.pattern
    GROUP BY wanted.number`;
}

/**
 * How frequent terms are, from 0 to 1, by their counts in a sample of `sampleRows` rows; what does not occur in it is
 * missing. Where there were fewer rows to look at, everything counts as rarer: so few are cheap to read either way.
 */
export function termShares(
  terms: readonly string[],
  counts: readonly TermCount[],
  sampleRows: number,
): Map<string, number> {
  return new Map(counts.map(({ term, matching }) => [terms[term]!, matching / sampleRows]));
}

const MOST_ALONE = 3;
const FREQUENT_SHARE = 0.05;

/**
 * The terms worth asking for one by one, the rarest first as a rule: numbers tell more than words, and long words more
 * than short ones. An index reads all there is of the beginning of a word, so that one rare term alone costs less than
 * all together. `shares`: how frequent each term is, from 0 to 1, nowhere where it is missing; what is frequent is not
 * worth it.
 */
export function tellingFirst(terms: readonly string[], shares: ReadonlyMap<string, number>): string[] {
  const shareOf = (term: string): number => shares.get(term) ?? 0;
  const weight = (term: string): number => term.length + (/\p{N}/u.test(term) ? 100 : 0);
  return terms
    .filter((term) => shareOf(term) <= FREQUENT_SHARE)
    .sort((a, b) => shareOf(a) - shareOf(b) || weight(b) - weight(a))
    .slice(0, MOST_ALONE);
}
