export type Role = 'all' | 'api' | 'dispatcher';
export type Environment = 'development' | 'production' | 'test';

/** A secret with the id under which it is named in what it produced, so that several can be configured at once. */
export interface KeyMaterial {
  readonly id: string;
  /** Exactly 32 bytes. */
  readonly key: Buffer;
}

export interface AdminKeyConfig {
  readonly name: string;
  /** The whole key, `ak_…`. */
  readonly key: string;
}

/** Everything the process takes from its environment, validated and frozen; `load-config.ts` makes the only one. */
export abstract class AppConfig {
  abstract readonly environment: Environment;
  abstract readonly role: Role;
  abstract readonly port: number;
  abstract readonly host: string;
  abstract readonly metricsPort: number;
  /** Where the service is reached from outside; null: what `Host` says. */
  abstract readonly publicUrl: string | null;
  /** null: the embedded PostgreSQL in `dataDir`. */
  abstract readonly databaseUrl: string | null;
  abstract readonly dataDir: string;
  abstract readonly adminKeys: readonly AdminKeyConfig[];
  /** The first one writes, all read. */
  abstract readonly encryptionKeys: readonly KeyMaterial[];
  /** The first one writes, all read. */
  abstract readonly keyPeppers: readonly KeyMaterial[];
  abstract readonly webhookAllowedPrivateCidrs: readonly string[];
  abstract readonly webhookAllowedPorts: readonly number[];
  abstract readonly retentionDays: number;
  abstract readonly attemptRetentionDays: number;
  /** Addresses or CIDRs of proxies whose `X-Forwarded-For` is believed; empty: none. */
  abstract readonly trustProxy: readonly string[];
  abstract readonly databasePoolSize: number;
  abstract readonly databaseStatementTimeoutMs: number;
  abstract readonly databaseCaFile: string | null;
  abstract readonly recoveryPerSecond: number;
  abstract readonly streamsPerKey: number;
  /** 0: no limit. */
  abstract readonly rateLimitPerSecond: number;
  abstract readonly dispatchConcurrency: number;
  abstract readonly endpointConcurrency: number;
  abstract readonly logLevel: string;
}
