import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Mode } from '../auth/caller.js';

/** One HTTP request of a delivery; partitioned by the time in the delivery's id. */
@Entity({ schema: 'signalpost', name: 'attempts' })
export class AttemptEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  @PrimaryColumn('uuid', { name: 'delivery_id' })
  deliveryId!: string;

  @PrimaryColumn('integer')
  number!: number;

  @Column('uuid')
  id!: string;

  @Column('uuid', { name: 'endpoint_id' })
  endpointId!: string;

  @Column({ type: 'timestamptz', name: 'started_at', precision: 3 })
  startedAt!: Date;

  @Column('integer', { name: 'duration_ms' })
  durationMs!: number;

  @Column('text')
  outcome!: 'succeeded' | 'failed';

  @Column('smallint', { name: 'status_code', nullable: true })
  statusCode!: number | null;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;

  @Column('text', { name: 'error_message', nullable: true })
  errorMessage!: string | null;

  @Column('text', { name: 'response_body', nullable: true })
  responseBody!: string | null;

  @Column('boolean', { name: 'response_truncated', default: false })
  responseTruncated!: boolean;
}
