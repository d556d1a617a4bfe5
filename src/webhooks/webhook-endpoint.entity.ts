import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Mode } from '../auth/caller.js';
import type { DisabledReason, EndpointStatus, Ordering, SignatureScheme } from './webhook-endpoint.js';

@Entity({ schema: 'signalpost', name: 'webhook_endpoints' })
export class WebhookEndpointEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @PrimaryColumn('text')
  mode!: Mode;

  @PrimaryColumn('uuid')
  id!: string;

  /** As `new URL` normalised it. */
  @Column('text')
  url!: string;

  @Column('text', { name: 'event_types', array: true })
  eventTypes!: string[];

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('text', { default: 'enabled' })
  status!: EndpointStatus;

  @Column('text', { name: 'disabled_reason', nullable: true })
  disabledReason!: DisabledReason | null;

  @Column({ type: 'timestamptz', name: 'disabled_at', precision: 3, nullable: true })
  disabledAt!: Date | null;

  /** When the present run of failures, unbroken by a success, began. */
  @Column({ type: 'timestamptz', name: 'failing_since', precision: 3, nullable: true })
  failingSince!: Date | null;

  @Column({ type: 'text', name: 'dead_reason', nullable: true })
  deadReason!: 'gone' | 'failing' | null;

  @Column({ type: 'bigint', name: 'dead_revision', nullable: true })
  deadRevision!: string | null;

  @Column('json', { default: {} })
  headers!: Record<string, string>;

  /** Requests per second. */
  @Column('integer', { name: 'rate_limit', nullable: true })
  rateLimit!: number | null;

  @Column('integer', { name: 'timeout_ms', default: 15000 })
  timeoutMs!: number;

  /** Waits in seconds; null: the service's own schedule. */
  @Column('integer', { name: 'retry_schedule', array: true, nullable: true })
  retrySchedule!: number[] | null;

  @Column('text', { default: 'none' })
  ordering!: Ordering;

  @Column('text', { name: 'signature_scheme', default: 'standard' })
  signatureScheme!: SignatureScheme;

  @Column('text', { name: 'signature_header', nullable: true })
  signatureHeader!: string | null;

  @Column('text', { name: 'signature_label', nullable: true })
  signatureLabel!: string | null;

  @Column('text', { name: 'public_key', nullable: true })
  publicKey!: string | null;

  @Column('json', { default: {} })
  metadata!: Record<string, string>;

  /** Rises with every change of what the dispatcher must know. */
  @Column('bigint', { default: 1 })
  revision!: string;

  /** Rises with every disabling: unfinished deliveries of an earlier epoch count as skipped. */
  @Column('integer', { default: 1 })
  epoch!: number;

  /** When the epoch before this one ended; null: none has. */
  @Column({ type: 'timestamptz', name: 'epoch_ended_at', precision: 3, nullable: true })
  epochEndedAt!: Date | null;

  /** Set by disabling and deleting, until a job has ended the deliveries that this left unfinished. */
  @Column('boolean', { name: 'has_leftovers', default: false })
  hasLeftovers!: boolean;

  /** While disabled: the time of the oldest event whose first delivery that left unfinished; null: of none. */
  @Column({ type: 'timestamptz', name: 'recoverable_since', precision: 3, nullable: true })
  recoverableSince!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt!: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt!: Date | null;
}
