import { setTimeout as pause } from 'node:timers/promises';
import { Global, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { DataSource } from 'typeorm';
import { AccountEntity } from '../../src/accounts/account.entity.js';
import { AdminModule } from '../../src/admin/admin.module.js';
import { AuthModule } from '../../src/auth/auth.module.js';
import { HealthModule } from '../../src/common/health/health.module.js';
import { createAdapter } from '../../src/common/http/adapter.js';
import { configureHttp } from '../../src/common/http/configure-http.js';
import { createLogger } from '../../src/common/logging.js';
import { Metrics } from '../../src/common/metrics/metrics.js';
import type { AppConfig } from '../../src/config/app-config.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { createDataSource } from '../../src/database/data-source.js';
import { DatabaseModule } from '../../src/database/database.module.js';
import { IdempotencyModule } from '../../src/database/idempotency.module.js';
import { testConfig, workerDatabaseUrl } from '../setup/database.js';

export interface CallOptions {
  /** The admin key by default; null: none. */
  readonly key?: string | null;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The keys of a new account, by mode, whole. */
export interface MadeAccount {
  readonly id: string;
  readonly test: MadePair;
  readonly live: MadePair;
}
export interface MadePair {
  readonly publicKey: string;
  readonly publicKeyId: string;
  readonly secretKey: string;
  readonly secretKeyId: string;
}

/** One process of the service with the routes of keys and accounts, on the worker's database. */
export class KeysApp {
  app!: NestFastifyApplication;
  dataSource!: DataSource;

  private constructor(readonly config: AppConfig) {}

  /** `config` of another one makes a second process of the same service. */
  static async start(config?: AppConfig, environment: NodeJS.ProcessEnv = {}): Promise<KeysApp> {
    const databaseUrl = await workerDatabaseUrl();
    const process = new KeysApp(config ?? testConfig(databaseUrl, environment));
    await process.boot(databaseUrl);
    return process;
  }

  private async boot(databaseUrl: string): Promise<void> {
    this.dataSource = await createDataSource(this.config, databaseUrl, [AccountEntity]).initialize();
    const { config, dataSource } = this;
    @Global()
    @Module({
      imports: [
        ConfigModule.forRoot(config),
        DatabaseModule.forRoot(dataSource),
        IdempotencyModule,
        ScheduleModule.forRoot(),
        HealthModule,
        AuthModule,
        AdminModule,
      ],
      providers: [Metrics],
      exports: [Metrics],
    })
    class RootModule {}
    const module = await Test.createTestingModule({ imports: [RootModule] }).compile();
    const logger = createLogger({ level: 'silent' });
    this.app = module.createNestApplication<NestFastifyApplication>(createAdapter(config));
    this.app.useLogger(logger);
    configureHttp(this.app, logger);
    await this.app.listen(0, '127.0.0.1');
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.dataSource.destroy();
  }

  get adminKey(): string {
    return this.config.adminKeys[0]!.key;
  }

  call(method: 'get' | 'post' | 'patch' | 'delete', path: string, options: CallOptions = {}): request.Test {
    const { key = this.adminKey, body, headers = {} } = options;
    let test = request(this.app.getHttpServer())[method](path).set(headers);
    if (key !== null) test = test.set('authorization', `Bearer ${key}`);
    return body === undefined ? test : test.send(body);
  }

  async makeAccount(overrides: object = {}): Promise<MadeAccount> {
    const { body } = await this.call('post', '/v1/admin/accounts', { body: { name: 'Boutique', ...overrides } }).expect(
      201,
    );
    const [test, live] = (body.keys as Record<'public_key' | 'secret_key', { id: string; key: string }>[]).map(
      (pair) => ({
        publicKey: pair.public_key.key,
        publicKeyId: pair.public_key.id,
        secretKey: pair.secret_key.key,
        secretKeyId: pair.secret_key.id,
      }),
    );
    return { id: body.account.id as string, test: test!, live: live! };
  }

  /** The whole key of a new restricted key of `secretKey`'s account. */
  async makeRestrictedKey(secretKey: string, body: object = {}): Promise<{ id: string; key: string }> {
    const made = await this.call('post', '/v1/api-keys', {
      key: secretKey,
      body: { name: 'Export', scopes: ['read'], ...body },
    }).expect(201);
    return { id: made.body.id as string, key: made.body.key as string };
  }

  /** Status and code of an answer, `200` or `401 api_key_revoked`. */
  async outcome(method: 'get' | 'post' | 'patch' | 'delete', path: string, options: CallOptions = {}): Promise<string> {
    const { status, body } = await this.call(method, path, options);
    return status < 400 ? String(status) : `${status} ${body.code}`;
  }
}

/** Asks until the answer is true; a state that never comes fails the test by its time limit. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await pause(10);
}
