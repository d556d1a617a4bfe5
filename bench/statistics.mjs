// How figures are made of rounds, and when a figure is not one.

/** More than this, in percent, and the middle half of the rounds tells nothing. */
export const MAX_SPREAD = 20;

/** Milliseconds of a clock that all processes of the machine share and that nobody sets (CLOCK_MONOTONIC on Linux). */
export function monotonicMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function perSecond(count, milliseconds) {
  return count / (milliseconds / 1_000);
}

/** The value below which `share` of `values` lie, between two of them where it falls there. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  return sorted[below] + (sorted[Math.ceil(position)] - sorted[below]) * (position - below);
}

export function median(values) {
  return percentile(values, 0.5);
}

/** How far apart the middle half of the values lies (interquartile range), in percent of the median. */
export function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : ((percentile(values, 0.75) - percentile(values, 0.25)) / Math.abs(middle)) * 100;
}

/**
 * One row of a bench's table.
 * `rounds`: what was measured, one value a round. `limit`: `{name, rounds}`, the machine's own limit in the same
 * rounds. `aims`: `{of: 'value' | 'ratio', atLeast | atMost}`. `isTimed: false` for counts and sizes, which a busy
 * machine does not change. `guarded`: the ratio is one of the committed ones.
 */
export function figure({ name, unit, rounds, limit = null, aims = [], digits = 0, isTimed = true, guarded = false }) {
  const ratios = limit === null ? null : rounds.map((value, round) => value / limit.rounds[round]);
  const summary = (values) => ({
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    spread: values.length > 1 ? spread(values) : null,
  });
  return {
    ...{ name, unit, digits, isTimed, guarded, aims, rounds },
    value: summary(rounds),
    limit: limit && { name: limit.name, ...summary(limit.rounds) },
    ratio: ratios && summary(ratios),
  };
}

/** Why a value cannot be told; null: it can. */
export function doubt({ spread: measured }, { isTimed }, trouble = null) {
  if (isTimed && trouble !== null) return trouble;
  return measured !== null && measured > MAX_SPREAD ? `spread ${Math.round(measured)} %` : null;
}

/** By the figure (`of: 'median'`), or by the best or the worst of its rounds. */
export function meets(figure, aim, of = 'median') {
  const summary = aim.of === 'ratio' ? figure.ratio : figure.value;
  const isAtLeast = aim.atLeast !== undefined;
  const value = {
    median: summary.median,
    worst: isAtLeast ? summary.least : summary.most,
    best: isAtLeast ? summary.most : summary.least,
  }[of];
  return isAtLeast ? value >= aim.atLeast : value <= aim.atMost;
}

/** Whether another round is to begin: `rounds` in all, or three where they take longer than until `endMs`. */
export function hasRoundsLeft(round, rounds, endMs = Infinity) {
  return round < (performance.now() < endMs ? rounds : Math.min(rounds, 3));
}
