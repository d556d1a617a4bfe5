import { jest } from '@jest/globals';
import pg from 'pg';
import { Database } from '../src/database/database.js';
import { workerDatabaseUrl } from './setup/database.js';
import { itemOutcomes, operationEvent, publish, publishBatch, publishNew } from './support/publishing.js';
import { Service, until } from './support/service.js';

/** Whoever waits for a lock in this database. */
const WAITING = {
  name: 'waiting',
  text: `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
};

describe('a publish that was committed', () => {
  it('is answered as such although the known events beside it cannot be read', async () => {
    const service = await Service.start();
    const key = (await service.makeAccount()).test.secretKey;
    const known = { ...operationEvent('collect.pending', 'a'), external_id: 'led-1' };
    await publishNew(service, key, known);
    const database = service.app.get(Database, { strict: false });
    const rows = database.rows.bind(database);
    const cut = jest.spyOn(database, 'rows').mockImplementation((statement, values, manager) => {
      if (statement.name === 'ingest_read_bodies') return Promise.reject(new Error('Connection terminated'));
      return rows(statement, values, manager);
    });
    const batch = await publishBatch(service, key, [operationEvent('collect.pending', 'b'), known]);
    expect(itemOutcomes(batch)).toEqual(['201', '503 unavailable']);
    const [written, repeated] = await Promise.all([
      publish(service, key, operationEvent('collect.pending', 'c')),
      publish(service, key, known),
    ]);
    expect(written.status).toBe(201);
    expect(repeated.status).toBeGreaterThanOrEqual(500);
    cut.mockRestore();
    await publish(service, key, known).expect(200);
    await service.stop();
  });
});

describe('an event of the system about a key', () => {
  it('wakes the inbox when its transaction commits, so that it waits for no poll', async () => {
    const service = await Service.start();
    const account = await service.makeAccount();
    const listener = new pg.Client({ connectionString: await workerDatabaseUrl() });
    await listener.connect();
    await listener.query('LISTEN signalpost_inbox');
    const heard = new Promise<string>((resolve) => listener.on('notification', ({ channel }) => resolve(channel)));
    await service.call('post', '/v1/api-keys/regenerate', { key: account.test.secretKey, body: {} }).expect(201);
    expect(await heard).toBe('signalpost_inbox');
    await listener.end();
    await service.stop();
  });
});

describe('an event type that is deleted while an endpoint is made for it', () => {
  it('is in use, or is unknown: never gone with an endpoint that names it', async () => {
    const service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
    const key = (await service.makeAccount()).test.secretKey;
    const outcomes = new Set<string>();
    for (let n = 0; n < 12; n++) {
      const type = `payout.sent_${n}`;
      await service
        .call('post', '/v1/admin/event-types', { body: { type, description: 'A payout left.' } })
        .expect(201);
      const body = { url: 'http://127.0.0.1:9/hook', event_types: [type] };
      const create = () => service.outcome('post', '/v1/webhook-endpoints', { key, body });
      const remove = () => service.outcome('delete', `/v1/admin/event-types/${type}`);
      outcomes.add((await Promise.all(n % 2 ? [create(), remove()] : [remove(), create()].reverse())).join(', '));
    }
    expect(['201, 409 event_type_in_use', '422 invalid_input, 204']).toEqual(expect.arrayContaining([...outcomes]));
    await service.stop();
  });

  it('waits for the endpoint to be committed', async () => {
    const service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
    const account = await service.makeAccount();
    const key = account.test.secretKey;
    const type = 'payout.held';
    await service.call('post', '/v1/admin/event-types', { body: { type, description: 'A payout waits.' } }).expect(201);
    const database = service.app.get(Database, { strict: false });
    const rows = database.rows.bind(database);
    const removals: Promise<string>[] = [];
    // The deletion begins when the creation has found the type and has written nothing yet.
    const spy = jest.spyOn(database, 'rows').mockImplementation(async (statement, values, manager) => {
      const found = await rows(statement, values, manager);
      if (statement.name === 'webhook_endpoints.list_custom_types') {
        const removing = service.outcome('delete', `/v1/admin/event-types/${type}`);
        removals.push(removing);
        await Promise.race([removing, until(async () => (await rows(WAITING, [])).length > 0)]);
      }
      return found;
    });
    const body = { url: 'http://127.0.0.1:9/hook', event_types: [type] };
    expect(await service.outcome('post', '/v1/webhook-endpoints', { key, body })).toBe('201');
    expect(await Promise.all(removals)).toEqual(['409 event_type_in_use']);
    spy.mockRestore();
    await service.stop();
  });
});
