import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyChecksum } from '../src/config/key-format.js';
import { type MadeAccount, Service, until } from './support/service.js';

const [P1, P2] = [1, 2].map((byte) => `p${byte}:${Buffer.alloc(32, byte).toString('base64')}`);
/** The statement that operators are told to ask, for the pepper that this test rotates to. */
const LEFT_OVER = /```sql\n([^`]*FROM signalpost\.api_keys[^`]*)```/
  .exec(readFileSync(join(import.meta.dirname, '../docs/operating.md'), 'utf8'))![1]!
  .replace("'k2'", "'p2'");

describe('Rotating the pepper of keys', () => {
  const services: Service[] = [];
  const start = async (...peppers: string[]): Promise<Service> => {
    const service = await Service.start({ environment: { KEY_PEPPERS: peppers.join(',') } });
    services.push(service);
    return service;
  };
  afterAll(() => Promise.all(services.map((service) => service.stop())));

  const uses = (service: Service, key: string) => service.outcome('get', '/v1/account', { key });

  it('moves each key when it is used, shows which are left, and leaves those that moved working without the old one', async () => {
    const before = await start(P1!);
    const account: MadeAccount = await before.makeAccount();
    const { test, live } = account;
    const restricted = await before.makeRestrictedKey(test.secretKey);
    const token = await (async () => {
      await before.call('post', '/v1/events', {
        key: test.secretKey,
        body: { type: 'collect.pending', operation: { id: 'col_1' } },
      });
      return before.clientTokenHeaders(test.secretKey, 'col_1');
    })();

    const during = await start(P2!, P1!);
    const left = async (): Promise<string[]> => {
      const rows = await during.dataSource.query<{ preview: string }[]>(LEFT_OVER);
      return rows.map(({ preview }) => preview.slice(-4)).sort();
    };
    const tail = (key: string) => key.slice(-4);
    expect(await left()).toEqual([test.secretKey, live.secretKey, restricted.key].map(tail).sort());
    expect(await uses(during, test.secretKey)).toBe('200');
    expect(await uses(during, restricted.key)).toBe('200');
    await until(async () => (await left()).length === 1);
    expect(await left()).toEqual([tail(live.secretKey)]);
    const page = { key: test.publicKey, headers: token };
    expect(await during.outcome('get', '/v1/client/operations/col_1', page)).toBe('200');

    const after = await start(P2!);
    expect(await uses(after, test.secretKey)).toBe('200');
    expect(await uses(after, restricted.key)).toBe('200');
    expect(await uses(after, test.publicKey)).toBe('200');
    expect(await uses(after, live.publicKey)).toBe('200');
    expect(await uses(after, live.secretKey)).toBe('401 invalid_api_key');
    const forged = test.publicKey.slice(0, 20) + '0'.repeat(30);
    expect(await uses(after, forged + keyChecksum(forged))).toBe('401 invalid_api_key');
  });

  it('does not remember as refused what a process without its pepper could not judge', async () => {
    const [without, next, old] = await Promise.all([start(P1!), start(P2!, P1!), start(P1!, P2!)]);
    const { test } = await next.makeAccount();
    expect(await uses(without, test.secretKey)).toBe('401 invalid_api_key');
    expect(await uses(old, test.secretKey)).toBe('200');
    const moved = `SELECT FROM signalpost.api_keys WHERE pepper_id = 'p1' AND hmac IS NOT NULL AND preview LIKE $1`;
    await until(
      async () => (await old.dataSource.query<object[]>(moved, [`%${test.secretKey.slice(-4)}`])).length === 1,
    );
    expect(await uses(without, test.secretKey)).toBe('200');
  });

  it('lets processes with the old pepper in front work beside those with the new one', async () => {
    const [old, next] = await Promise.all([start(P1!, P2!), start(P2!, P1!)]);
    const made = await Promise.all([old, next].map((service) => service.makeAccount()));
    for (const { test } of made) {
      expect(await uses(old, test.secretKey)).toBe('200');
      expect(await uses(next, test.secretKey)).toBe('200');
      expect(await uses(old, test.secretKey)).toBe('200');
    }
  });
});
