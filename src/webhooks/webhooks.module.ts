import { Module } from '@nestjs/common';
import { LogsModule } from '../logs/logs.module.js';
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
import { WebhookEndpointsController } from './webhook-endpoints.controller.js';
import { WebhookEndpointsRepository } from './webhook-endpoints.repository.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';
import { WebhookSecretsRepository } from './webhook-secrets.repository.js';

@Module({
  imports: [LogsModule],
  controllers: [WebhookEndpointsController, EndpointSecretsController],
  providers: [
    Destinations,
    EndpointDisabling,
    EndpointInput,
    EndpointJournal,
    EndpointSecretsService,
    EndpointSettingsReader,
    { provide: HostResolver, useFactory: () => new DnsHostResolver() },
    SecretBox,
    WebhookClient,
    WebhookEndpointsRepository,
    WebhookEndpointsService,
    WebhookSecretsRepository,
  ],
  exports: [EndpointDisabling, EndpointSettingsReader, WebhookClient, WebhookEndpointsService],
})
export class WebhooksModule {}
