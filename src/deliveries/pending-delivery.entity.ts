import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Mode } from '../auth/caller.js';

/** An unfinished delivery, deleted by its end. */
@Entity({ schema: 'signalpost', name: 'pending_deliveries' })
@Index('pending_deliveries_due', { synchronize: false })
@Index('pending_deliveries_order', { synchronize: false })
@Index('pending_deliveries_crashed', { synchronize: false })
@Index('pending_deliveries_resent', { synchronize: false })
@Index('pending_deliveries_resent_by_operation', { synchronize: false })
export class PendingDeliveryEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'endpoint_id' })
  endpointId!: string;

  /** The endpoint's epoch at planning; a row of an earlier one counts as skipped. */
  @Column('integer', { name: 'endpoint_epoch' })
  endpointEpoch!: number;

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

  /** The operation whose deliveries go one after another; null: stands outside any order. */
  @Column('text', { name: 'order_key', nullable: true })
  orderKey!: string | null;

  /** `infinity`, read as the number: waits for an earlier delivery of its operation. */
  @Column({ type: 'timestamptz', name: 'due_at', precision: 3 })
  dueAt!: Date | number;

  @Column('integer', { name: 'attempt_count', default: 0 })
  attemptCount!: number;

  @Column({ type: 'timestamptz', name: 'first_attempt_at', precision: 3, nullable: true })
  firstAttemptAt!: Date | null;

  /** How often a dispatcher died with this delivery in the air. */
  @Column('smallint', { name: 'crash_count', default: 0 })
  crashCount!: number;
}
