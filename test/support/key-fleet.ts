import { setTimeout as pause } from 'node:timers/promises';
import argon2 from 'argon2';
import pg from 'pg';
import { makeAdminKey } from '../../src/config/key-format.js';
import { type Boot, boot } from './booted-process.js';

/** A restricted key that a test will revoke. */
export interface FleetKey {
  readonly id: string;
  readonly key: string;
  /** The secret key of its account and mode. */
  readonly owner: string;
}

/** Milliseconds after the answer of the revocation, one of each for every key and process. */
export interface Revocations {
  /** When a refusal was first seen. It can be no sooner than the process was asked. */
  readonly refusedAfter: number[];
  /** When the key was last seen accepted: what proves a process late, however seldom it was asked. */
  readonly acceptedUntil: number[];
}

const KEYS_PER_OWNER = 25;

/** Several processes of the service on one database, as an operator runs them, and what a test asks of all of them. */
export class KeyFleet {
  private constructor(
    private readonly databaseUrl: string,
    private readonly adminKey: string,
    private readonly boots: readonly Boot[],
    readonly urls: readonly string[],
  ) {}

  static async start(databaseUrl: string, size: number): Promise<KeyFleet> {
    const adminKey = makeAdminKey();
    const env = { DATABASE_URL: databaseUrl, ROLE: 'api', ADMIN_KEYS: `ops:${adminKey}`, LOG_LEVEL: 'info' };
    const boots = Array.from({ length: size }, () => boot(env));
    return new KeyFleet(databaseUrl, adminKey, boots, await Promise.all(boots.map(({ url }) => url)));
  }

  async stop(): Promise<void> {
    for (const { process } of this.boots) process.kill('SIGTERM');
    await Promise.all(this.boots.map(({ ended }) => ended));
  }

  /** `count` new restricted keys, of as many accounts as their limits want. */
  async makeKeys(count: number): Promise<FleetKey[]> {
    const keys: FleetKey[] = [];
    while (keys.length < count) {
      const account = await this.post('/v1/admin/accounts', this.adminKey, { name: 'Boutique' });
      for (const { secret_key } of account.keys as { secret_key: { key: string } }[]) {
        const wanted = Math.min(KEYS_PER_OWNER, count - keys.length);
        const owner = secret_key.key;
        const body = { name: 'Export', scopes: ['read'] };
        const made = Array.from({ length: wanted }, () => this.post('/v1/api-keys', owner, body));
        for (const { id, key } of await Promise.all(made)) {
          keys.push({ id: id as string, key: key as string, owner });
        }
      }
    }
    await this.cheapenHashes(keys);
    return keys;
  }

  /** Every process proves every key once: with the real cost of argon2id most of the test's time would go there. */
  private async cheapenHashes(keys: readonly FleetKey[]): Promise<void> {
    const cheap = { type: argon2.argon2id, memoryCost: 8, timeCost: 1, parallelism: 1 } as const;
    const hashes = await Promise.all(keys.map(({ key }) => argon2.hash(key, cheap)));
    await this.administer((client) =>
      client.query(
        `UPDATE signalpost.api_keys k SET argon2_hash = new.hash
           FROM unnest($1::text[], $2::text[]) AS new (public_part, hash)
          WHERE k.public_part = new.public_part`,
        [keys.map(({ key }) => key.slice(8, 20)), hashes],
      ),
    );
  }

  /** Uses the keys in every process until each accepts each, so that all of them remember the keys as good. */
  async warm(keys: readonly FleetKey[]): Promise<void> {
    await Promise.all(
      this.urls.map(async (url) => {
        for (const { key } of keys) while ((await statusOf(url, key)) !== 200) await pause(5);
      }),
    );
  }

  /**
   * Revokes the keys in the first process, one after another, and asks all processes for all of them meanwhile.
   */
  async revoke(keys: readonly FleetKey[]): Promise<Revocations> {
    const revokedAt = new Map<FleetKey, number>();
    const seen: Revocations = { refusedAfter: [], acceptedUntil: [] };
    // An answer may come before that of the revocation.
    const since = (key: FleetKey, at: number): number => Math.max(0, at - (revokedAt.get(key) ?? Infinity));
    const watch = async (url: string): Promise<void> => {
      const accepted = new Set(keys);
      const acceptedAt = new Map<FleetKey, number>();
      while (accepted.size > 0) {
        for (const key of accepted) {
          const status = await statusOf(url, key.key);
          if (status === 200) acceptedAt.set(key, performance.now());
          if (status !== 401) continue;
          accepted.delete(key);
          seen.refusedAfter.push(since(key, performance.now()));
          seen.acceptedUntil.push(since(key, acceptedAt.get(key) ?? 0));
        }
        // Asking without a break would measure how long the machine is busy with being asked.
        await pause(keys.length > 1 ? 25 : 2);
      }
    };
    const watching = this.urls.map(watch);
    for (const key of keys) {
      await this.end(key);
      revokedAt.set(key, performance.now());
    }
    await Promise.all(watching);
    return seen;
  }

  /** Again when the process lacks a connection, as it may while the database takes no new ones. */
  private async end({ id, owner }: FleetKey): Promise<void> {
    const request = { method: 'DELETE', headers: { authorization: `Bearer ${owner}` } };
    for (;;) {
      const response = await fetch(`${this.urls[0]}/v1/api-keys/${id}`, request);
      await response.text();
      if (response.status === 200) return;
      if (response.status < 500) throw new Error(`Revoking answered ${response.status}.`);
      await pause(25);
    }
  }

  /** Makes revoked keys good again, as no route can, and tells all processes. */
  async revive(keys: readonly FleetKey[]): Promise<void> {
    await this.administer(async (client) => {
      await client.query(
        `UPDATE signalpost.api_keys k SET revoked_at = NULL FROM signalpost.key_lookup l
         WHERE l.public_part = ANY ($1) AND k.account_id = l.account_id AND k.mode = l.mode AND k.id = l.key_id`,
        [keys.map(({ key }) => key.slice(8, 20))],
      );
      await client.query(`SELECT pg_notify('signalpost_keys', id::text) FROM signalpost.accounts`);
    });
  }

  /** While `work` runs no process hears anything: its LISTEN connection is cut, and the database takes no new ones. */
  async whileDeaf<T>(work: () => Promise<T>): Promise<T> {
    const database = new URL(this.databaseUrl).pathname.slice(1);
    const allow = (isAllowed: boolean) => (client: pg.Client) =>
      client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS ${isAllowed}`);
    await this.administer(allow(false), 'postgres');
    try {
      await this.administer(
        (client) =>
          client.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'signalpost listener' AND datname = $1`,
            [database],
          ),
        'postgres',
      );
      return await work();
    } finally {
      await this.administer(allow(true), 'postgres');
    }
  }

  private async post(path: string, key: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(this.urls[0] + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (response.status !== 201) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  private async administer<T>(work: (client: pg.Client) => Promise<T>, database?: string): Promise<T> {
    const url = new URL(this.databaseUrl);
    if (database !== undefined) url.pathname = `/${database}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
}

async function statusOf(url: string, key: string): Promise<number> {
  const response = await fetch(`${url}/v1/account`, { headers: { authorization: `Bearer ${key}` } });
  await response.text();
  return response.status;
}

/** The latency that all but one in a hundred stay under, at most. */
export function p99(latencies: readonly number[]): number {
  return [...latencies].sort((a, b) => a - b)[Math.ceil(latencies.length * 0.99) - 1]!;
}

/** Shown whatever the reporter does with the console. */
export function report(what: string, latencies: readonly number[]): void {
  const sorted = [...latencies].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  const shown = [median, p99(sorted), sorted.at(-1)!].map((ms) => `${Math.round(ms)} ms`);
  process.stdout.write(`${what}: median ${shown[0]}, p99 ${shown[1]}, slowest ${shown[2]} (${sorted.length} seen)\n`);
}
