import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Mode } from '../auth/caller.js';

/** An ended delivery; partitioned by the time in its id. */
@Entity({ schema: 'signalpost', name: 'deliveries' })
@Index('deliveries_by_endpoint', { synchronize: false })
@Index('deliveries_unsuccessful', { synchronize: false })
@Index('deliveries_resent', { synchronize: false })
@Index('deliveries_resent_by_operation', { synchronize: false })
export class DeliveryEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'endpoint_id' })
  endpointId!: string;

  @Column('uuid', { name: 'event_id' })
  eventId!: string;

  @Column('text', { name: 'event_type' })
  eventType!: string;

  @Column('text', { name: 'operation_id', nullable: true })
  operationId!: string | null;

  @Column('text', { default: 'event' })
  trigger!: 'event' | 'retry' | 'redeliver' | 'recovery';

  @Column('uuid', { name: 'previous_delivery_id', nullable: true })
  previousDeliveryId!: string | null;

  @Column('uuid', { name: 'recovery_id', nullable: true })
  recoveryId!: string | null;

  @Column('text')
  status!: 'succeeded' | 'failed' | 'cancelled' | 'skipped';

  @Column('text', { name: 'status_reason', nullable: true })
  statusReason!: string | null;

  @Column('integer', { name: 'attempt_count', default: 0 })
  attemptCount!: number;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3 })
  endedAt!: Date;
}
