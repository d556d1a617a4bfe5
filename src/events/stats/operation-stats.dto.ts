import { ArrayField, EnumField, IntegerField, StringField, TimeField } from '../../common/fields.js';
import { OPERATION_KINDS, OPERATION_STATUSES } from '../operation-traits.js';
import type { PeriodSums } from './operation-stats.repository.js';
import { STATS_PERIODS, type StatsPeriod } from './stats-periods.js';

export const MAX_DAYS_BY_HOUR = 31;

export class OperationStatsQuery {
  @EnumField({
    description: `The length of one interval. By the hour, a question spans at most ${MAX_DAYS_BY_HOUR} days.`,
    example: 'day',
    values: STATS_PERIODS,
    optional: true,
    default: 'day',
  })
  interval: StatsPeriod = 'day';

  @TimeField({
    description:
      'Operations that began at this time or later; it need not be a full hour. Left out: since the oldest one, ' +
      `or, by the hour, ${MAX_DAYS_BY_HOUR} days before \`created_before\`, or before now.`,
    example: null,
    optional: true,
  })
  created_after?: string;

  @TimeField({ description: 'Operations that began before this time.', example: null, optional: true })
  created_before?: string;

  @StringField({
    description: 'Operations in this currency; repeat it for several.',
    example: null,
    optional: true,
    isArray: true,
    maxItems: 20,
    pattern: /^[A-Z]{3}$/,
    patternMessage: 'Use three capital letters, as XOF.',
  })
  currency?: string[];
}

export class OperationStatsEntry {
  @TimeField({ description: 'Where the interval begins, in UTC.', example: '2026-11-02T00:00:00.000Z' })
  start!: string;

  @EnumField({ description: 'Payments or collects.', example: 'collect', values: OPERATION_KINDS })
  kind!: string;

  @EnumField({ description: 'Where the operations stand now.', example: 'succeeded', values: OPERATION_STATUSES })
  status!: string;

  @StringField({ description: 'ISO 4217; null: those without a currency.', example: 'XOF', nullable: true })
  currency!: string | null;

  @IntegerField({ description: 'How many operations.', example: 12, minimum: 1 })
  count!: number;

  @StringField({
    description:
      "The sum of their amounts in the currency's minor unit, as a string, for it can exceed 2^53. An operation " +
      'without an amount adds nothing.',
    example: '184500',
    pattern: /^\d+$/,
  })
  amount!: string;
}

export class OperationStatsResponse {
  @EnumField({ description: 'Always `operation_stats`.', example: 'operation_stats', values: ['operation_stats'] })
  object!: 'operation_stats';

  @EnumField({ description: 'The length of one interval.', example: 'day', values: STATS_PERIODS })
  interval!: StatsPeriod;

  @ArrayField(() => OperationStatsEntry, {
    description: 'One entry for each interval, kind, status and currency that has operations; oldest first.',
    example: [],
  })
  data!: OperationStatsEntry[];
}

/** The entries of one period, by kind, status and currency; a group that was found in two parts is one. */
export function toOperationStatsEntries({ start, sums }: PeriodSums): OperationStatsEntry[] {
  const entries = new Map<string, OperationStatsEntry>();
  const startTime = start.toISOString();
  for (const sum of sums.split(',')) {
    const [kind, status, currency, count, amount] = sum.split(' ') as [string, string, string, string, string];
    const group = `${kind} ${status} ${currency}`;
    const entry = entries.get(group);
    if (entry === undefined) {
      const found = { start: startTime, kind, status, currency: currency || null, count: Number(count), amount };
      entries.set(group, found);
    } else {
      entry.count += Number(count);
      entry.amount = String(BigInt(entry.amount) + BigInt(amount));
    }
  }
  return [...entries].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry);
}
