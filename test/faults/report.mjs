import { cpus, totalmem } from 'node:os';
import { COUNTS } from './checker.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { percentile } from './takeovers.mjs';

const SUMS = ['rounds', 'faults', 'inTheAir', ...COUNTS];
const SHOWN_VIOLATIONS = 20;

/** What the rounds of a run came to, by scenario. */
export class Report {
  /** By name: the sums, `takeoversMs` and `violations`. */
  #rows = new Map();

  add(name, verdict) {
    const empty = { ...Object.fromEntries(SUMS.map((sum) => [sum, 0])), takeoversMs: [], violations: [] };
    const row = this.#rows.get(name) ?? empty;
    for (const sum of SUMS) row[sum] += sum === 'rounds' ? 1 : verdict[sum];
    row.takeoversMs.push(...verdict.takeoversMs);
    row.violations.push(...verdict.violations);
    this.#rows.set(name, row);
  }

  get takeoversMs() {
    return [...this.#rows.values()].flatMap(({ takeoversMs }) => takeoversMs);
  }

  /** A table in Markdown, with the machine and the takeovers of all scenarios below it. */
  toString() {
    const heads = [
      ...['scenario', 'rounds', 'faults', 'events acknowledged', 'deliveries owed', 'delivered', 'ended with a reason'],
      ...['lost', 'duplicates', 'in the air at the faults', 'inversions', 'stuck', 'takeover p50 / p99'],
    ];
    const all = [...this.#rows.values()];
    const total = Object.fromEntries(SUMS.map((sum) => [sum, all.reduce((count, row) => count + row[sum], 0)]));
    const lines = [
      heads,
      heads.map((_, n) => (n === 0 ? '---' : '---:')),
      ...[...this.#rows].map(([name, row]) => cells(SCENARIOS[name].title, row)),
      cells('**all**', { ...total, takeoversMs: this.takeoversMs }),
    ];
    return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
  }

  takeoverLine() {
    const { takeoversMs } = this;
    if (takeoversMs.length === 0) return 'No takeover.';
    const [p50, p99, max] = [0.5, 0.99, 1].map((part) => seconds(percentile(takeoversMs, part)));
    return `${takeoversMs.length} deliveries taken over from dead processes: p50 ${p50}, p99 ${p99}, at most ${max}.`;
  }

  /** Every broken promise, the first ones of each scenario in full. */
  violations() {
    return [...this.#rows].flatMap(([name, { violations }]) => [
      ...violations.slice(0, SHOWN_VIOLATIONS).map((violation) => `${name}: ${violation}`),
      ...(violations.length > SHOWN_VIOLATIONS ? [`${name}: and ${violations.length - SHOWN_VIOLATIONS} more`] : []),
    ]);
  }
}

export function machine() {
  const gigabytes = Math.round(totalmem() / 1_024 ** 3);
  return `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${gigabytes} GB, Node ${process.versions.node}`;
}

function cells(title, row) {
  const { takeoversMs } = row;
  const takeover =
    takeoversMs.length === 0
      ? '–'
      : `${seconds(percentile(takeoversMs, 0.5))} / ${seconds(percentile(takeoversMs, 0.99))}`;
  const counts = [
    ...[row.rounds, row.faults, row.acknowledged, row.owed, row.delivered, row.ended],
    ...[row.lost, row.duplicates, row.inTheAir, row.inversions, row.stuck],
  ];
  return [title, ...counts.map((count) => count.toLocaleString('en')), takeover];
}

function seconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`;
}
