import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';
import type { AppConfig } from '../config/app-config.js';

const CONNECT_TIMEOUT_MS = 5_000;
export const IDLE_TRANSACTION_TIMEOUT_MS = 30_000;

const SESSION_SETTINGS = [
  // The server looks for dead clients within 25 s, so that the locks of a process that vanished are free again.
  'tcp_keepalives_idle=10',
  'tcp_keepalives_interval=5',
  'tcp_keepalives_count=3',
  // Statements read a page by an index. Where a table is large the planner would still have them compiled, or divided
  // among workers, which takes ten times as long to begin as they take to run.
  'jit=off',
  'max_parallel_workers_per_gather=0',
  // For a page, too. A partition that has no rows yet costs nothing to read whole, and after that all rows of the others
  // would have to be sorted.
  'enable_seqscan=off',
  // Named statements are planned once a connection: planning one over the months of history costs more than running it.
  'plan_cache_mode=force_generic_plan',
];

/**
 * How every connection is made, of the pool and outside it. `sslmode` means what it means to libpq: `require` encrypts,
 * and checks the certificate once there is a CA to check it by. A CA file without `sslmode` stands for `verify-full`.
 */
export function connectionOptions(config: AppConfig, databaseUrl: string, role: string): ClientConfig {
  const url = new URL(databaseUrl);
  const tlsMode = url.searchParams.get('sslmode');
  // The driver would read `sslmode` in its own way, and prefer it to `ssl`.
  url.searchParams.delete('sslmode');
  return {
    connectionString: url.href,
    ssl: tlsOptions(tlsMode, config.databaseCaFile),
    application_name: `signalpost ${role}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: config.databaseStatementTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: SESSION_SETTINGS.map((setting) => `-c ${setting}`).join(' '),
  };
}

function tlsOptions(mode: string | null, caFile: string | null): ClientConfig['ssl'] {
  if (mode === 'disable' || (mode === null && caFile === null)) return false;
  if (mode === 'no-verify' || (mode === 'require' && caFile === null)) return { rejectUnauthorized: false };
  const ca = caFile === null ? undefined : readFileSync(caFile, 'utf8');
  const checksName = mode === null || mode === 'verify-full';
  return checksName ? { ca } : { ca, checkServerIdentity: () => undefined };
}

/** A database's address for people: without user, password and options. */
export function shownDatabase(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  return `${url.hostname}:${url.port || '5432'}${url.pathname}`;
}
