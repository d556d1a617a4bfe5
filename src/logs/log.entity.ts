import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { ActorType, LogCategory, LogHttp, LogStatus } from './log.js';

/** Written by `LogWriter`, publishing and settling; read by `LogsRepository`. Its id holds the time of its writing. */
@Entity({ schema: 'signalpost', name: 'logs' })
@Index('logs_by_operation', { synchronize: false })
@Index('logs_by_word', { synchronize: false })
export class LogEntity {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  /** '' for the platform's own. */
  @PrimaryColumn('text')
  mode!: string;

  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  category!: LogCategory;

  @Column('text')
  action!: string;

  @Column('text')
  status!: LogStatus;

  @Column('text')
  description!: string;

  @Column('text', { name: 'operation_id', nullable: true })
  operationId!: string | null;

  @Column('uuid', { name: 'event_id', nullable: true })
  eventId!: string | null;

  @Column('uuid', { name: 'endpoint_id', nullable: true })
  endpointId!: string | null;

  @Column('uuid', { name: 'delivery_id', nullable: true })
  deliveryId!: string | null;

  @Column('uuid', { name: 'api_key_id', nullable: true })
  apiKeyId!: string | null;

  @Column('text', { name: 'request_id', nullable: true })
  requestId!: string | null;

  @Column('text', { name: 'actor_type' })
  actorType!: ActorType;

  @Column('text', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  @Column('text', { name: 'actor_name', nullable: true })
  actorName!: string | null;

  @Column('text', { name: 'actor_ip', nullable: true })
  actorIp!: string | null;

  @Column('json', { nullable: true })
  http!: LogHttp | null;

  @Column('json', { default: {} })
  metadata!: Record<string, unknown>;

  /** Of `searchText`. */
  @Column('text', { default: '' })
  search!: string;

  @Column({ type: 'timestamptz', name: 'occurred_at', precision: 3 })
  occurredAt!: Date;
}
