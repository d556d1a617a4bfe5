import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { AppConfig, type Environment, type Role } from './app-config.js';
import { developmentSecrets } from './development-secrets.js';
import { readDatabaseUrl, readPorts, readPublicUrl, readRanges } from './network-settings.js';
import { readAdminKeys, readKeyMaterial } from './secret-settings.js';
import { SettingsReader } from './settings-reader.js';

const ENVIRONMENTS: readonly Environment[] = ['development', 'production', 'test'];
const ROLES: readonly Role[] = ['all', 'api', 'dispatcher'];
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const SECRET_VARIABLES = ['ADMIN_KEYS', 'ENCRYPTION_KEYS', 'KEY_PEPPERS'] as const;

/**
 * The configuration that `env` describes. Outside production, secrets that it lacks come from the data folder.
 * @throws ConfigError that lists every wrong setting; secrets in it are masked.
 */
export function loadConfig(env: NodeJS.ProcessEnv): AppConfig {
  const reader = new SettingsReader(env);
  const environment = reader.oneOf('NODE_ENV', ENVIRONMENTS, 'development');
  const dataDir = resolve(reader.text('DATA_DIR') ?? '.signalpost');
  const port = reader.integer('PORT', 3_000, 0, 65_535);
  const retentionDays = reader.integer('RETENTION_DAYS', 400, 30, 3_650);
  const plain = {
    environment,
    dataDir,
    role: reader.oneOf('ROLE', ROLES, 'all'),
    port,
    host: reader.text('HOST') ?? '127.0.0.1',
    metricsPort: readMetricsPort(reader, port),
    publicUrl: readPublicUrl(reader),
    databaseUrl: readDatabaseUrl(reader),
    webhookAllowedPrivateCidrs: readPrivateCidrs(reader, environment),
    webhookAllowedPorts: readPorts(reader, 'WEBHOOK_ALLOWED_PORTS', [443, 8_443]),
    retentionDays,
    attemptRetentionDays: reader.integer('ATTEMPT_RETENTION_DAYS', Math.min(90, retentionDays), 1, retentionDays),
    trustProxy: readRanges(reader, 'TRUST_PROXY', true),
    databasePoolSize: reader.integer('DATABASE_POOL_SIZE', 12, 4, 500),
    databaseStatementTimeoutMs: reader.integer('DATABASE_STATEMENT_TIMEOUT_MS', 15_000, 100, 600_000),
    databaseCaFile: readCaFile(reader),
    recoveryPerSecond: reader.integer('RECOVERY_PER_SECOND', 50, 1, 10_000),
    streamsPerKey: reader.integer('STREAMS_PER_KEY', 20, 1, 10_000),
    rateLimitPerSecond: reader.integer('RATE_LIMIT_PER_SECOND', 0, 0, 1_000_000),
    dispatchConcurrency: reader.integer('DISPATCH_CONCURRENCY', 256, 1, 10_000),
    endpointConcurrency: reader.integer('ENDPOINT_CONCURRENCY', 16, 1, 1_000),
    logLevel: reader.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  } satisfies Omit<AppConfig, 'adminKeys' | 'encryptionKeys' | 'keyPeppers'>;
  const secrets = readSecrets(reader, env, environment, dataDir);
  reader.throwIfWrong();
  return deepFreeze(Object.assign(Object.create(AppConfig.prototype) as object, plain, secrets));
}

type Secrets = Pick<AppConfig, 'adminKeys' | 'encryptionKeys' | 'keyPeppers'>;

function readSecrets(
  reader: SettingsReader,
  env: NodeJS.ProcessEnv,
  environment: Environment,
  dataDir: string,
): Secrets {
  const missing = SECRET_VARIABLES.filter((name) => reader.list(name).length === 0);
  let source = reader;
  if (environment === 'production') {
    for (const name of missing) reader.report(name, null, 'a value of its own in production');
  } else if (missing.length > 0 && reader.problems.length === 0) {
    const made = developmentSecrets(dataDir);
    source = new SettingsReader({ ...env, ...Object.fromEntries(missing.map((name) => [name, made[name]])) });
  }
  const secrets = {
    adminKeys: readAdminKeys(source),
    encryptionKeys: readKeyMaterial(source, 'ENCRYPTION_KEYS'),
    keyPeppers: readKeyMaterial(source, 'KEY_PEPPERS'),
  };
  if (source !== reader) reader.problems.push(...source.problems);
  return secrets;
}

function readMetricsPort(reader: SettingsReader, servicePort: number): number {
  const port = reader.integer('METRICS_PORT', 9_464, 0, 65_535);
  if (port !== 0 && port === servicePort) {
    reader.report('METRICS_PORT', String(port), 'a port of its own: PORT is the same');
  }
  return port;
}

/**
 * An empty variable opens nothing; a missing one opens loopback outside production, for receivers on the same machine.
 */
function readPrivateCidrs(reader: SettingsReader, environment: Environment): readonly string[] {
  if (!reader.isPresent('WEBHOOK_ALLOWED_PRIVATE_CIDRS')) return environment === 'production' ? [] : LOOPBACK;
  return readRanges(reader, 'WEBHOOK_ALLOWED_PRIVATE_CIDRS', false);
}

function readCaFile(reader: SettingsReader): string | null {
  const path = reader.text('DATABASE_CA_FILE');
  if (path === null) return null;
  try {
    accessSync(path, constants.R_OK);
    return resolve(path);
  } catch {
    reader.report('DATABASE_CA_FILE', path, 'a file that can be read');
    return null;
  }
}

/** Freezes objects and arrays; key bytes (Buffers) cannot be frozen. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
