import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AccountStatus, Locale } from './account.js';

@Entity({ schema: 'signalpost', name: 'accounts' })
export class AccountEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  /** The platform's own id of the merchant. */
  @Column('text', { name: 'external_id', nullable: true, unique: true })
  externalId!: string | null;

  @Column('text', { default: 'active' })
  status!: AccountStatus;

  @Column('text', { default: 'en' })
  locale!: Locale;

  @Column('boolean', { name: 'live_publishing', default: false })
  livePublishing!: boolean;

  @Column('json', { default: {} })
  metadata!: object;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt!: Date;
}
