import { EnumField, BooleanField, IdField, IntegerField, TimeField } from '../../common/fields.js';
import { encodeId } from '../../common/ids.js';
import { PageQuery } from '../../common/pagination.js';
import { RECOVERY_SELECTIONS, type RecoverySelection } from '../../deliveries/actions/recovery-queue.repository.js';
import type { RecoveryCount } from './recovery-count.js';
import type { RecoveryEntity } from './recovery.entity.js';

const ONLY =
  '`undelivered`: events that the endpoint has not had and that are not waiting for it, whether their deliveries ' +
  'failed, were cancelled or skipped, or were never planned. `failed`: of these, those with a delivery that failed. ' +
  '`missing`: those that never had a delivery to it, for instance because it was made later. `all`: also what it ' +
  'has had. What is pending is never sent twice.';

export class RecoverRequest {
  @TimeField({
    description: 'Events created at this time or later. Not before the retention, and not in the future.',
    example: '2026-11-02T00:00:00.000Z',
  })
  since!: string;

  @TimeField({
    description: 'Events created before this time; now when left out, null or later than now.',
    example: null,
    optional: true,
    nullable: true,
  })
  until?: string | null;

  @EnumField({
    description: ONLY,
    example: 'undelivered',
    values: RECOVERY_SELECTIONS,
    optional: true,
    default: 'undelivered',
  })
  only: RecoverySelection = 'undelivered';

  @BooleanField({
    description: 'Only counts, and sends nothing; also of an endpoint that is disabled.',
    example: false,
    optional: true,
    default: false,
  })
  dry_run = false;
}

export class RecoveryCountResponse {
  @IntegerField({ description: 'Events of the range that the endpoint takes by its present types.', example: 1210 })
  matching!: number;

  @IntegerField({ description: 'Of these, those that it has had.', example: 10 })
  already_succeeded!: number;

  @IntegerField({ description: 'How many deliveries a recovery would make now.', example: 1200 })
  to_send!: number;
}

/** Repeating a filter means or. */
export class RecoveriesQuery extends PageQuery {
  @IdField('we', {
    description: 'Recoveries of this endpoint.',
    example: null,
    optional: true,
    isArray: true,
    maxItems: 20,
  })
  endpoint_id?: string[];
}

export class RecoveryResponse {
  @IdField('rec', { description: 'Id of the recovery.', example: 'rec_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'Always `recovery`.', example: 'recovery', values: ['recovery'] })
  object!: 'recovery';

  @EnumField({ description: 'Mode of the account.', example: 'live', values: ['test', 'live'] })
  mode!: 'test' | 'live';

  @IdField('we', { description: 'Where the events go.', example: 'we_01k96sd3k8e2r9wq6m4h0v5xtz' })
  endpoint_id!: string;

  @EnumField({
    description:
      '`cancelled` by a request, or by itself when the endpoint is disabled or deleted meanwhile; a log says which.',
    example: 'running',
    values: ['running', 'done', 'cancelled'],
  })
  status!: 'running' | 'done' | 'cancelled';

  @EnumField({ description: ONLY, example: 'undelivered', values: RECOVERY_SELECTIONS })
  only!: RecoverySelection;

  @TimeField({ description: 'Events created at this time or later.', example: '2026-11-02T00:00:00.000Z' })
  since!: string;

  @TimeField({ description: 'Events created before this time.', example: '2026-11-03T00:00:00.000Z' })
  until!: string;

  @IntegerField({
    description:
      'How many deliveries it has to make, as counted when it began. Of a very long range the counting goes on while ' +
      'it runs, and the number rises.',
    example: 1200,
  })
  total!: number;

  @IntegerField({
    description:
      'How many it has made so far. It ends below the total when events were delivered otherwise in the meantime.',
    example: 310,
  })
  sent!: number;

  @TimeField({ description: 'When it began.', example: '2026-11-03T08:00:00.000Z' })
  created_at!: string;

  @TimeField({ description: 'When it ended.', example: null, nullable: true })
  ended_at!: string | null;
}

export function toRecoveryCountResponse(count: RecoveryCount): RecoveryCountResponse {
  return { matching: count.matching, already_succeeded: count.alreadySucceeded, to_send: count.toSend };
}

export function toRecoveryResponse(recovery: RecoveryEntity): RecoveryResponse {
  return {
    id: encodeId('rec', recovery.id),
    object: 'recovery',
    mode: recovery.mode,
    endpoint_id: encodeId('we', recovery.endpointId),
    status: recovery.status,
    only: recovery.selection,
    since: recovery.since.toISOString(),
    until: recovery.until.toISOString(),
    total: recovery.total,
    sent: recovery.sent,
    created_at: recovery.createdAt.toISOString(),
    ended_at: recovery.endedAt?.toISOString() ?? null,
  };
}
