import { Module } from '@nestjs/common';
import { LogsModule } from '../logs/logs.module.js';
import { JwksController } from './jwks/jwks.controller.js';
import { JwksRepository } from './jwks/jwks.repository.js';
import { RecoveriesModule } from './recoveries/recoveries.module.js';
import { Destinations } from './destinations.js';
import { EndpointDisabling } from './endpoint-disabling.js';
import { EndpointInput } from './endpoint-input.js';
import { EndpointJournal } from './endpoint-journal.js';
import { EndpointSecretsController } from './endpoint-secrets.controller.js';
import { EndpointSecretsService } from './endpoint-secrets.service.js';
import { EndpointSettingsReader } from './endpoint-settings.js';
import { DnsHostResolver, HostResolver } from './sending/host-resolver.js';
import { SecretBox } from './secret-box.js';
import { WebhookClient } from './sending/webhook-client.js';
import { AttemptCountsRepository } from './stats/attempt-counts.repository.js';
import { AttemptCountsUpkeep } from './stats/attempt-counts-upkeep.js';
import { EndpointStatsController } from './stats/endpoint-stats.controller.js';
import { EndpointStatsService } from './stats/endpoint-stats.service.js';
import { SecretUpkeep } from './upkeep/secret-upkeep.js';
import { SecretUpkeepRepository } from './upkeep/secret-upkeep.repository.js';
import { SignatureVerification } from './verification/signature-verification.service.js';
import { SignedEventsRepository } from './verification/signed-events.repository.js';
import { VerifySignatureController } from './verification/verify-signature.controller.js';
import { WebhookEndpointsController } from './webhook-endpoints.controller.js';
import { WebhookEndpointsRepository } from './webhook-endpoints.repository.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';
import { WebhookSecretsRepository } from './webhook-secrets.repository.js';

@Module({
  imports: [LogsModule, RecoveriesModule],
  controllers: [
    WebhookEndpointsController,
    EndpointSecretsController,
    VerifySignatureController,
    EndpointStatsController,
    JwksController,
  ],
  providers: [
    AttemptCountsRepository,
    AttemptCountsUpkeep,
    Destinations,
    EndpointDisabling,
    EndpointInput,
    EndpointJournal,
    EndpointSecretsService,
    EndpointSettingsReader,
    EndpointStatsService,
    { provide: HostResolver, useFactory: () => new DnsHostResolver() },
    JwksRepository,
    SecretBox,
    SecretUpkeep,
    SecretUpkeepRepository,
    SignatureVerification,
    SignedEventsRepository,
    WebhookClient,
    WebhookEndpointsRepository,
    WebhookEndpointsService,
    WebhookSecretsRepository,
  ],
  exports: [EndpointDisabling, EndpointSettingsReader, SecretUpkeep, WebhookClient, WebhookEndpointsService],
})
export class WebhooksModule {}
