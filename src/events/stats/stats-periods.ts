/** The lengths of time that operations are summed up over, each beginning at a full one in UTC. */
export const STATS_PERIODS = ['hour', 'day'] as const;
export type StatsPeriod = (typeof STATS_PERIODS)[number];

export const PERIOD_MS: Readonly<Record<StatsPeriod, number>> = { hour: 3_600_000, day: 86_400_000 };

/** The start of the period that `timeMs` lies in. */
export function periodStartMs(period: StatsPeriod, timeMs: number): number {
  const lengthMs = PERIOD_MS[period];
  return Math.floor(timeMs / lengthMs) * lengthMs;
}
