import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Mode } from '../../auth/caller.js';
import type { RecoverySelection } from '../../deliveries/actions/recovery-queue.repository.js';

/** A job that sends a range of events to an endpoint again. */
@Entity({ schema: 'signalpost', name: 'recoveries' })
@Index('recoveries_by_endpoint', { synchronize: false })
@Index('recoveries_by_end', { synchronize: false })
@Index('recoveries_running', { synchronize: false })
export class RecoveryEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'endpoint_id' })
  endpointId!: string;

  /** That of the endpoint at the beginning; when it has risen, the endpoint was disabled meanwhile. */
  @Column('integer', { name: 'endpoint_epoch' })
  endpointEpoch!: number;

  @Column('text', { default: 'running' })
  status!: 'running' | 'done' | 'cancelled';

  @Column('text')
  selection!: RecoverySelection;

  @Column({ type: 'timestamptz', precision: 3 })
  since!: Date;

  @Column({ type: 'timestamptz', precision: 3 })
  until!: Date;

  @Column('integer')
  total!: number;

  @Column('integer', { default: 0 })
  sent!: number;

  /** The last event that was looked at. */
  @Column('uuid')
  position!: string;

  /** Ids before it are looked at. */
  @Column('uuid', { name: 'end_position' })
  endPosition!: string;

  /** The last event that `total` counts; null once all are counted. */
  @Column('uuid', { name: 'counted_to', nullable: true })
  countedTo!: string | null;

  /** The pace is kept up to here. */
  @Column({ type: 'timestamptz', name: 'paced_to', nullable: true })
  pacedTo!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt!: Date | null;
}
