import { ArrayField, EnumField, IdField, IntegerField, NumberField, TimeField } from '../../common/fields.js';
import { encodeId } from '../../common/ids.js';
import type { ActivityCounts } from '../../common/metrics/activity.js';
import type { PlatformBacklog } from './backlog.repository.js';

export const TOP = 10;
const RATE_SECONDS = 60;

export class AccountBacklogResponse {
  @IdField('acct', { description: 'The account.', example: 'acct_01k96sd3k8e2r9wq6m4h0v5xtz' })
  account!: string;

  @IntegerField({ description: 'Its unfinished deliveries.', example: 300 })
  backlog!: number;
}

export class EndpointBacklogResponse extends AccountBacklogResponse {
  @IdField('we', { description: 'The webhook endpoint.', example: 'we_01k96sd3k8e2r9wq6m4h0v5xtz' })
  endpoint_id!: string;
}

export class PlatformStatsResponse {
  @EnumField({ description: 'Always `platform_stats`.', example: 'platform_stats', values: ['platform_stats'] })
  object!: 'platform_stats';

  @IntegerField({ description: 'Accounts, the suspended ones included.', example: 12 })
  accounts!: number;

  @IntegerField({
    description: 'Unfinished deliveries of endpoints that are enabled, those of suspended accounts included.',
    example: 310,
  })
  backlog!: number;

  @TimeField({
    description:
      'The earliest time at which one of them is due, also where a rate limit holds it back: in the past while ' +
      'deliveries wait, in the future when all of them only wait for their next attempt. Null without any.',
    example: '2026-11-02T21:25:57.600Z',
    nullable: true,
  })
  oldest_due_at!: string | null;

  @NumberField({ description: 'Events published a second, over the last minute.', example: 41.5 })
  events_per_second!: number;

  @NumberField({ description: 'Deliveries that succeeded a second, over the last minute.', example: 80.2 })
  deliveries_per_second!: number;

  @NumberField({ description: 'Attempts that failed a second, over the last minute.', example: 1.1 })
  attempts_failed_per_second!: number;

  @IntegerField({ description: 'Events left by SQL that were refused and stand in the inbox.', example: 0 })
  inbox_rejected!: number;

  @ArrayField(() => AccountBacklogResponse, {
    description: `Up to ${TOP} accounts with the most unfinished deliveries, the most first.`,
    example: [],
    maxItems: TOP,
  })
  top_accounts!: AccountBacklogResponse[];

  @ArrayField(() => EndpointBacklogResponse, {
    description: `Up to ${TOP} endpoints with the most unfinished deliveries, the most first.`,
    example: [],
    maxItems: TOP,
  })
  top_endpoints!: EndpointBacklogResponse[];
}

export function toPlatformStats(stands: PlatformBacklog, minute: ActivityCounts): PlatformStatsResponse {
  return {
    object: 'platform_stats',
    accounts: stands.accounts,
    backlog: stands.backlog,
    oldest_due_at: stands.oldest_due_at?.toISOString() ?? null,
    events_per_second: perSecond(minute.events),
    deliveries_per_second: perSecond(minute.deliveries),
    attempts_failed_per_second: perSecond(minute.failedAttempts),
    inbox_rejected: stands.inbox_rejected,
    top_accounts: stands.top_accounts.map(({ account_id, backlog }) => {
      return { account: encodeId('acct', account_id), backlog };
    }),
    top_endpoints: stands.top_endpoints.map(({ account_id, endpoint_id, backlog }) => {
      return { account: encodeId('acct', account_id), endpoint_id: encodeId('we', endpoint_id), backlog };
    }),
  };
}

/** To a hundredth. */
function perSecond(countOfMinute: number): number {
  return Math.round((countOfMinute / RATE_SECONDS) * 100) / 100;
}
