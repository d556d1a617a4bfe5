import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccountsModule } from '../accounts/accounts.module.js';
import { SseModule } from '../common/sse/sse.module.js';
import { AccessGuard } from './access.guard.js';
import { ActingAccount } from './acting-account.js';
import { BrowserGate } from './browser/browser-gate.js';
import { ClientTokenGuard } from './client-tokens/client-token.guard.js';
import { ClientTokenSigner } from './client-tokens/client-token-signer.js';
import { KeyedStreams } from './keyed-streams.js';
import { RateLimits } from './limits/rate-limits.js';
import { EarlyAuthentication } from './early-authentication.js';
import { RefusalHook } from './refusal-hook.js';
import { RouteCoverage } from './route-coverage.js';
import { StandingAccess } from './standing-access.js';
import { KeyUsage } from './usage/key-usage.js';
import { KeyUsageRepository } from './usage/key-usage.repository.js';
import { AdminKeyVerifier } from './verification/admin-key-verifier.js';
import { Authenticator } from './verification/authenticator.js';
import { KeyFingerprints } from './verification/key-fingerprints.js';
import { KeyVerifier } from './verification/key-verifier.js';
import { SecretHasher } from './verification/secret-hasher.js';
import { StoredKeyRepository } from './verification/stored-key.repository.js';

@Module({
  imports: [AccountsModule, DiscoveryModule, SseModule],
  providers: [
    ActingAccount,
    AdminKeyVerifier,
    Authenticator,
    BrowserGate,
    ClientTokenSigner,
    EarlyAuthentication,
    KeyFingerprints,
    KeyUsage,
    KeyUsageRepository,
    KeyVerifier,
    KeyedStreams,
    RateLimits,
    RefusalHook,
    RouteCoverage,
    SecretHasher,
    StandingAccess,
    StoredKeyRepository,
    // They run in this order.
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_GUARD, useClass: ClientTokenGuard },
  ],
  exports: [ClientTokenSigner, KeyFingerprints, KeyedStreams, RefusalHook, SecretHasher],
})
export class AuthModule {}
