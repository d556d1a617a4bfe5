import { AccountEntity } from './accounts/account.entity.js';
import type { EntityClass } from './database/data-source.js';
import { AttemptEntity } from './deliveries/attempt.entity.js';
import { DeliveryEntity } from './deliveries/delivery.entity.js';
import { PendingDeliveryEntity } from './deliveries/pending-delivery.entity.js';
import { EventEntity } from './events/event.entity.js';
import { OperationEntity } from './events/operation.entity.js';
import { LogEntity } from './logs/log.entity.js';
import { RecoveryEntity } from './webhooks/recoveries/recovery.entity.js';
import { WebhookEndpointEntity } from './webhooks/webhook-endpoint.entity.js';

/** Every class that stands for a table; `npm run check` compares them with what the migrations make. */
export const ENTITIES: readonly EntityClass[] = [
  AccountEntity,
  AttemptEntity,
  DeliveryEntity,
  EventEntity,
  LogEntity,
  OperationEntity,
  PendingDeliveryEntity,
  RecoveryEntity,
  WebhookEndpointEntity,
];
