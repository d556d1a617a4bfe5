import { setTimeout as pause } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import type { DataSource } from 'typeorm';
import type { SignalpostLogger } from '../../src/common/logging.js';
import type { AppConfig } from '../../src/config/app-config.js';
import { createApp } from '../../src/create-app.js';
import { createDataSource } from '../../src/database/data-source.js';
import { ENTITIES } from '../../src/entities.js';
import { testConfig, workerDatabaseUrl } from '../setup/database.js';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

export interface CallOptions {
  /** The admin key by default; null: none. */
  readonly key?: string | null;
  readonly query?: object;
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

export interface ServiceOptions {
  /** Of another process, to make a second one of the same service. */
  readonly config?: AppConfig;
  /** `DATABASE_URL`: another database, or another way to the worker's. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly logger?: SignalpostLogger;
}

/** One process of the service on the worker's database. It sends no webhooks unless `ROLE` says so. */
export class Service {
  private constructor(
    readonly config: AppConfig,
    readonly dataSource: DataSource,
    readonly app: NestFastifyApplication,
  ) {}

  static async start({ config, environment, logger }: ServiceOptions = {}): Promise<Service> {
    const databaseUrl = environment?.DATABASE_URL ?? (await workerDatabaseUrl());
    const used = config ?? testConfig(databaseUrl, { ROLE: 'api', ...environment });
    const dataSource = await createDataSource(used, databaseUrl, ENTITIES).initialize();
    const app = await createApp(used, dataSource, logger);
    await app.listen(0, '127.0.0.1');
    return new Service(used, dataSource, app);
  }

  async stop(): Promise<void> {
    await this.app.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  get adminKey(): string {
    return this.config.adminKeys[0]!.key;
  }

  call(method: Method, path: string, options: CallOptions = {}): request.Test {
    const { key = this.adminKey, query = {}, body, headers = {} } = options;
    const test = request(this.app.getHttpServer())[method](path).query(query).set(headers);
    if (key !== null) void test.set('authorization', `Bearer ${key}`);
    return body === undefined ? test : test.send(body);
  }

  /** Status and code of an answer, `200` or `401 api_key_revoked`. */
  async outcome(method: Method, path: string, options: CallOptions = {}): Promise<string> {
    const { status, body } = await this.call(method, path, options);
    return status < 400 ? String(status) : `${status} ${body.code}`;
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

  /** From now on nothing is sent for it: what a test leaves due does not arrive in the next one. */
  async suspend(accountId: string): Promise<void> {
    await this.call('patch', `/v1/admin/accounts/${accountId}`, { body: { status: 'suspended' } }).expect(200);
  }

  /** The whole key of a new restricted key of `secretKey`'s account. */
  async makeRestrictedKey(secretKey: string, body: object = {}): Promise<{ id: string; key: string }> {
    const made = await this.call('post', '/v1/api-keys', {
      key: secretKey,
      body: { name: 'Export', scopes: ['read'], ...body },
    }).expect(201);
    return { id: made.body.id as string, key: made.body.key as string };
  }

  /** The headers by which a page reads this operation of `secretKey`'s account, beside its public key. */
  async clientTokenHeaders(secretKey: string, operationId: string): Promise<{ 'signalpost-client-token': string }> {
    const path = `/v1/operations/${operationId}/client-token`;
    const { body } = await this.call('post', path, { key: secretKey }).expect(201);
    return { 'signalpost-client-token': body.client_token as string };
  }
}

/** Asks until the answer is true; a state that never comes fails the test by its time limit. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await pause(10);
}
