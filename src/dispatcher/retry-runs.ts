import { nextWaitMs } from './retry-schedule.js';

/** How long a request takes that fails in these runs. */
const ATTEMPT_MS = 300;
const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

/** The waits of one delivery whose every attempt fails, in milliseconds, until its schedule is exhausted. */
export function runSchedule(schedule: readonly number[] | null, random: () => number): number[] {
  const waits: number[] = [];
  for (let elapsedMs = ATTEMPT_MS; ; elapsedMs += ATTEMPT_MS) {
    const input = { attemptNumber: waits.length + 1, elapsedMs, schedule, retryAfterMs: null, random: random() };
    const waitMs = nextWaitMs(input);
    if (waitMs === null) return waits;
    waits.push(waitMs);
    elapsedMs += waitMs;
  }
}

/** A Markdown table of many such runs under the default schedule. */
export function describeRuns(runs: number, random: () => number): string {
  const all = Array.from({ length: runs }, () => runSchedule(null, random));
  const longest = Math.max(...all.map((waits) => waits.length));
  const rows = Array.from({ length: longest }, (_, step) => {
    const reached = all.filter((waits) => waits.length > step);
    const label = reached.length === runs ? `${step + 1}` : `${step + 1} (in ${reached.length} of ${runs})`;
    return toRow(
      label,
      reached.map((waits) => waits[step]!),
    );
  });
  const totals = all.map((waits) => waits.reduce((sum, waitMs) => sum + waitMs + ATTEMPT_MS, 0));
  return [
    '| after attempt | shortest | median | longest |',
    '|---|---|---|---|',
    ...rows,
    toRow('in all', totals),
  ].join('\n');
}

function toRow(label: string, durationsMs: number[]): string {
  const sorted = durationsMs.sort((a, b) => a - b);
  const shown = [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!].map(toText);
  return `| ${label} | ${shown.join(' | ')} |`;
}

function toText(durationMs: number): string {
  const unit = UNITS.find(({ ms }) => durationMs >= ms) ?? UNITS.at(-1)!;
  return `${(durationMs / unit.ms).toFixed(2)} ${unit.name}`;
}
