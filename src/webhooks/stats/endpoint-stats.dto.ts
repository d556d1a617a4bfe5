import { encodeId } from '../../common/ids.js';
import { ArrayField, EnumField, FreeObjectField, IdField, IntegerField, TimeField } from '../../common/fields.js';
import { type Backlog, STATS_INTERVALS, type StatsInterval } from './attempt-counts.repository.js';
import type { IntervalStats } from './endpoint-stats.js';

export const MAX_DAYS_BY_HOUR = 31;

export class EndpointStatsQuery {
  @EnumField({
    description: `The length of one interval. By the hour, a question spans at most ${MAX_DAYS_BY_HOUR} days.`,
    example: 'day',
    values: STATS_INTERVALS,
    optional: true,
    default: 'day',
  })
  interval: StatsInterval = 'day';

  @TimeField({
    description:
      'Attempts that began in the hour of this time or later. Left out: since the oldest one, or, by the hour, ' +
      `${MAX_DAYS_BY_HOUR} days before \`before\`, or before now.`,
    example: null,
    optional: true,
  })
  after?: string;

  @TimeField({
    description: 'Attempts that began before this time, or in the hour that it cuts.',
    example: null,
    optional: true,
  })
  before?: string;
}

const latency = (share: string) => ({
  description: `${share} of the attempts took at most so many milliseconds, within 5 %; null without attempts.`,
  example: 210,
  nullable: true,
});

export class EndpointStatsEntry {
  @TimeField({ description: 'Where the interval begins, in UTC.', example: '2026-11-02T21:00:00.000Z' })
  start!: string;

  @IntegerField({ description: 'Requests that were sent, each try of a delivery for itself.', example: 40 })
  attempts!: number;

  @IntegerField({ description: 'Attempts that were answered by 2xx in time.', example: 38 })
  successes!: number;

  @IntegerField({ description: 'All others.', example: 2 })
  failures!: number;

  @FreeObjectField({
    description: "Failures by why: the attempt's `error.code`, or `status_3xx`, `status_4xx`, `status_5xx`.",
    example: { status_5xx: 1, timeout: 1 },
  })
  failure_reasons!: Readonly<Record<string, number>>;

  @IntegerField(latency('Half'))
  latency_p50!: number | null;

  @IntegerField(latency('95 %'))
  latency_p95!: number | null;

  @IntegerField(latency('99 %'))
  latency_p99!: number | null;
}

export class EndpointStatsResponse {
  @EnumField({ description: 'Always `endpoint_stats`.', example: 'endpoint_stats', values: ['endpoint_stats'] })
  object!: 'endpoint_stats';

  @IdField('we', { description: 'The endpoint.', example: 'we_01k96sd3k8e2r9wq6m4h0v5xtz' })
  endpoint_id!: string;

  @EnumField({ description: 'The length of one interval.', example: 'hour', values: STATS_INTERVALS })
  interval!: StatsInterval;

  @IntegerField({ description: 'Deliveries that are not finished now, whatever the interval.', example: 3 })
  backlog!: number;

  @TimeField({
    description: 'When the first of them is due, or was; null: none is.',
    example: '2026-11-02T21:25:57.600Z',
    nullable: true,
  })
  oldest_due_at!: string | null;

  @ArrayField(() => EndpointStatsEntry, {
    description: 'Oldest first. Intervals without an attempt are left out.',
    example: [],
  })
  data!: EndpointStatsEntry[];
}

export function toEndpointStatsResponse(
  endpointId: string,
  interval: StatsInterval,
  backlog: Backlog,
  stats: readonly IntervalStats[],
): EndpointStatsResponse {
  return {
    object: 'endpoint_stats',
    endpoint_id: encodeId('we', endpointId),
    interval,
    backlog: backlog.count,
    oldest_due_at: backlog.oldestDueAt?.toISOString() ?? null,
    data: stats.map(toEndpointStatsEntry),
  };
}

function toEndpointStatsEntry(stats: IntervalStats): EndpointStatsEntry {
  return {
    start: stats.start.toISOString(),
    attempts: stats.attempts,
    successes: stats.successes,
    failures: stats.failures,
    failure_reasons: stats.failureReasons,
    latency_p50: stats.latencyP50,
    latency_p95: stats.latencyP95,
    latency_p99: stats.latencyP99,
  };
}
