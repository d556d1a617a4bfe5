import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Mode } from '../auth/caller.js';
import type { Customer } from './operation-state.js';

/** A payment or a collect of the platform, as its events left it. Numbers of 64 bits are text. */
@Entity({ schema: 'signalpost', name: 'operations' })
@Index('operations_by_time', { synchronize: false })
@Index('operations_by_word', { synchronize: false })
@Index('operations_by_state', { synchronize: false })
export class OperationEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  /** The platform's own id. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  kind!: string;

  @Column('text')
  status!: string;

  @Column('bigint')
  version!: string;

  @Column('bigint', { nullable: true })
  amount!: string | null;

  @Column('text', { nullable: true })
  currency!: string | null;

  @Column('text', { nullable: true })
  reference!: string | null;

  @Column('text', { nullable: true })
  channel!: string | null;

  @Column('json', { nullable: true })
  customer!: Customer | null;

  @Column('text', { name: 'cause_code', nullable: true })
  causeCode!: string | null;

  @Column('text', { name: 'cause_description', nullable: true })
  causeDescription!: string | null;

  @Column('json', { default: {} })
  metadata!: object;

  @Column('text', { default: '' })
  search!: string;

  @Column('uuid', { name: 'last_event_id' })
  lastEventId!: string;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3 })
  updatedAt!: Date;
}
