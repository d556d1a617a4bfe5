import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../src/database/data-source.js';
import { IdempotencyUpkeep } from '../src/database/idempotency-upkeep.js';
import { testConfig, workerDatabaseUrl } from './setup/database.js';
import { Gate, held, startIdempotencyApp } from './support/idempotency-app.js';
import { expectProblem } from './support/problems.js';

const account = '0198c0de-0000-7000-8000-000000000001';
const otherAccount = '0198c0de-0000-7000-8000-000000000002';
const caller = `${account}/test/key`;

describe('Idempotency-Key', () => {
  let dataSource: DataSource;
  let app: NestFastifyApplication;

  beforeAll(async () => {
    const url = await workerDatabaseUrl();
    dataSource = await createDataSource(testConfig(url), url).initialize();
    await dataSource.query('CREATE TABLE notes (id serial, text text)');
    app = await startIdempotencyApp(dataSource);
  });
  afterAll(async () => {
    await app.close();
    await dataSource.destroy();
  });

  const post = (key: string | null, text: string, by = caller, path = '/v1/notes'): request.Test => {
    const call = request(app.getHttpServer()).post(path).set('caller', by).set('content-type', 'application/json');
    return (key === null ? call : call.set('idempotency-key', key)).send(JSON.stringify({ text }));
  };
  const noteCount = async (text: string): Promise<number> => {
    const rows: unknown[] = await dataSource.query('SELECT FROM notes WHERE text = $1', [text]);
    return rows.length;
  };

  it('answers a repeat with what was stored, without the secret and without a second effect', async () => {
    const first = await post('k1', 'once');
    expect([first.status, (first.body as { secret: string }).secret]).toEqual([202, 'whsec_once']);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    const second = await post('k1', 'once');
    expect(second.status).toBe(202);
    expect(second.body).toEqual({ ...(first.body as object), secret: null });
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(await noteCount('once')).toBe(1);
  });

  it('has its effect each time without a key', async () => {
    await post(null, 'free').expect(202);
    await post(null, 'free').expect(202);
    expect(await noteCount('free')).toBe(2);
  });

  it('refuses a key that comes again with other bytes', async () => {
    await post('k2', 'a').expect(202);
    expectProblem(await post('k2', 'b'), 422, 'idempotency_key_reused');
    expect(await noteCount('b')).toBe(0);
  });

  it('keeps accounts, modes and classes of caller apart', async () => {
    for (const by of [caller, `${account}/live/key`, `${account}/test/admin`, `${otherAccount}/test/key`]) {
      expect((await post('k3', 'apart', by)).headers['idempotency-replayed']).toBeUndefined();
    }
    expect(await noteCount('apart')).toBe(4);
  });

  it('counts the path, not the query string', async () => {
    await post('k4', 'path').expect(202);
    expectProblem(await post('k4', 'path', caller, '/v1/notes?x=1'), 422, 'invalid_input', ['x: unknown_field']);
  });

  it('stores no failure, and undoes its effect', async () => {
    expectProblem(await post('k5', 'conflict'), 409, 'limit_reached');
    expectProblem(await post('k5', 'conflict'), 409, 'limit_reached');
    expect(await noteCount('conflict')).toBe(0);
    await post('k5', 'now it works').expect(202);
  });

  it('tells a second request that the first still runs, and then gives its answer', async () => {
    const gate = (held.gate = new Gate());
    const first = post('k6', 'hold').then((response) => response);
    await gate.entered;
    const second = await post('k6', 'hold');
    expectProblem(second, 409, 'idempotency_in_progress');
    expect(second.headers['retry-after']).toBe('1');
    gate.release();
    expect((await first).status).toBe(202);
    expect((await post('k6', 'hold')).headers['idempotency-replayed']).toBe('true');
    expect(await noteCount('hold')).toBe(1);
  });

  it('has one effect when ten requests come at once', async () => {
    const responses = await Promise.all(Array.from({ length: 10 }, () => post('k7', 'race')));
    expect(responses.map(({ status }) => status).filter((status) => status !== 202 && status !== 409)).toEqual([]);
    expect(responses.some(({ status }) => status === 202)).toBe(true);
    expect(await noteCount('race')).toBe(1);
  });

  it.each(['', 'é', 'x'.repeat(256), 'tab\there'])('refuses the key %j', async (key) => {
    const response = await post(null, 'form').set('idempotency-key', Buffer.from(key).toString('latin1'));
    expectProblem(response, 422, 'invalid_input', ['Idempotency-Key: invalid_format']);
  });

  it('forgets after 30 days, first by ignoring, then by deleting', async () => {
    await post('k8', 'old').expect(202);
    await dataSource.query(
      `UPDATE signalpost.idempotency_keys SET created_at = now() - interval '31 days' WHERE key = 'k8'`,
    );
    expect((await post('k8', 'new')).headers['idempotency-replayed']).toBeUndefined();
    expectProblem(await post('k8', 'old'), 422, 'idempotency_key_reused');
    await dataSource.query(
      `UPDATE signalpost.idempotency_keys SET created_at = now() - interval '31 days' WHERE key = 'k8'`,
    );
    expect(await app.get(IdempotencyUpkeep).runOnce(new Date())).toEqual({ deleted: 1 });
  });
});
