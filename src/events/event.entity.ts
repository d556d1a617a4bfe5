import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Mode } from '../auth/caller.js';

/** One thing that happened; never changes. Partitioned by the time in its id. */
@Entity({ schema: 'signalpost', name: 'events' })
@Index('events_by_type', { synchronize: false })
@Index('events_by_operation', { synchronize: false })
@Index('events_by_reference', { synchronize: false })
@Index('events_late', { synchronize: false })
@Index('events_by_sequence', { synchronize: false })
@Index('events_by_word', { synchronize: false })
export class EventEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  @PrimaryColumn('uuid')
  id!: string;

  /** Gap-free and rising within its account and mode; a number of 64 bits, as text. */
  @Column('bigint')
  sequence!: string;

  @Column('text')
  type!: string;

  @Column('text')
  source!: 'platform' | 'account' | 'system';

  @Column('text', { name: 'external_id', nullable: true })
  externalId!: string | null;

  @Column('text', { name: 'operation_id', nullable: true })
  operationId!: string | null;

  @Column('text', { name: 'operation_kind', nullable: true })
  operationKind!: string | null;

  @Column('text', { name: 'operation_status', nullable: true })
  operationStatus!: string | null;

  @Column('text', { nullable: true })
  reference!: string | null;

  @Column('text', { default: '' })
  search!: string;

  @Column({ type: 'timestamptz', name: 'occurred_at', precision: 3 })
  occurredAt!: Date;

  /** The event as it was serialised once: stored, signed, delivered and read. */
  @Column('text')
  body!: string;
}
