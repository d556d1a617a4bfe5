import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import type { DataSource } from 'typeorm';
import { decodeId, newUuid } from '../../src/common/ids.js';
import { createApp } from '../../src/create-app.js';
import type { AppConfig } from '../../src/config/app-config.js';
import { createDataSource } from '../../src/database/data-source.js';
import { ENTITIES } from '../../src/entities.js';
import { testConfig, workerDatabaseUrl } from '../setup/database.js';

export interface ReadingAccount {
  readonly id: string;
  readonly testKey: string;
  readonly liveKey: string;
  readonly testPublicKey: string;
}

/** How a delivery ends, or what its first attempts were. */
export interface DeliveryEnd {
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'skipped';
  readonly reason?: string;
}

/** A process that publishes and reads but sends nothing, so that deliveries stand still. */
export class ReadingApp {
  private constructor(
    private readonly config: AppConfig,
    readonly dataSource: DataSource,
    private readonly app: NestFastifyApplication,
  ) {}

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<ReadingApp> {
    const databaseUrl = await workerDatabaseUrl();
    const config = testConfig(databaseUrl, {
      ROLE: 'api',
      WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8',
      ...environment,
    });
    const dataSource = await createDataSource(config, databaseUrl, ENTITIES).initialize();
    const app = await createApp(config, dataSource);
    await app.listen(0, '127.0.0.1');
    return new ReadingApp(config, dataSource, app);
  }

  async stop(): Promise<void> {
    await this.app.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  get(path: string, key: string | null, query: object = {}): request.Test {
    const call = request(this.app.getHttpServer()).get(path).query(query);
    return key === null ? call : call.set('authorization', `Bearer ${key}`);
  }

  /** The ids of a list. */
  async ids(path: string, key: string, query: object = {}): Promise<string[]> {
    const { body } = await this.get(path, key, query).expect(200);
    return (body.data as { id: string }[]).map(({ id }) => id);
  }

  post(path: string, key: string, body: object = {}): request.Test {
    return request(this.app.getHttpServer()).post(path).set('authorization', `Bearer ${key}`).send(body);
  }

  patch(path: string, key: string, body: object): request.Test {
    return request(this.app.getHttpServer()).patch(path).set('authorization', `Bearer ${key}`).send(body);
  }

  delete(path: string, key: string): request.Test {
    return request(this.app.getHttpServer()).delete(path).set('authorization', `Bearer ${key}`);
  }

  get adminKey(): string {
    return this.config.adminKeys[0]!.key;
  }

  async makeAccount(): Promise<ReadingAccount> {
    const { body } = await this.post('/v1/admin/accounts', this.adminKey, {
      name: 'Boutique Adjoua',
      live_publishing: true,
    }).expect(201);
    const keys = body.keys as { mode: string; public_key: { key: string }; secret_key: { key: string } }[];
    const of = (mode: string) => keys.find((pair) => pair.mode === mode)!;
    return {
      id: body.account.id as string,
      testKey: of('test').secret_key.key,
      liveKey: of('live').secret_key.key,
      testPublicKey: of('test').public_key.key,
    };
  }

  /** Publishes one event; its fields as answered. */
  async publish(key: string, input: object): Promise<{ id: string; created_at: string; [field: string]: unknown }> {
    const { body } = await this.post('/v1/events', key, input).expect(201);
    return body as { id: string; created_at: string };
  }

  async makeEndpoint(key: string, overrides: object = {}): Promise<string> {
    const body = { url: 'http://127.0.0.1:9/hook', event_types: ['*'], ...overrides };
    const answer = await this.post('/v1/webhook-endpoints', key, body).expect(201);
    return answer.body.id as string;
  }

  /** Records `attempts` failed attempts of an unfinished delivery, and its end when there is one. */
  async settle(deliveryId: string, attempts: number, end?: DeliveryEnd): Promise<void> {
    const id = decodeId('del', deliveryId);
    for (let number = 1; number <= attempts; number++) {
      await this.dataSource.query(
        `INSERT INTO signalpost.attempts (account_id, mode, delivery_id, number, id, endpoint_id, started_at,
           duration_ms, outcome, status_code, response_body)
         SELECT account_id, mode, id, $2, $3, endpoint_id, now(), 120, $4, $5, 'oops'
         FROM signalpost.pending_deliveries WHERE id = $1`,
        [
          id,
          number,
          newUuid(Date.now(), number),
          end?.status === 'succeeded' ? 'succeeded' : 'failed',
          end?.status === 'succeeded' ? 200 : 500,
        ],
      );
    }
    await this.dataSource.query('UPDATE signalpost.pending_deliveries SET attempt_count = $2 WHERE id = $1', [
      id,
      attempts,
    ]);
    if (!end) return;
    await this.dataSource.query(
      `WITH ended AS (DELETE FROM signalpost.pending_deliveries WHERE id = $1 RETURNING *)
       INSERT INTO signalpost.deliveries (account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger,
         previous_delivery_id, recovery_id, status, status_reason, attempt_count, ended_at)
       SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
         recovery_id, $2, $3, attempt_count, now() FROM ended`,
      [id, end.status, end.reason ?? null],
    );
  }
}
