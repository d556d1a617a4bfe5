import { FakeDns } from './support/fake-dns.js';
import { type MadeAccount, type Method, Service } from './support/service.js';

describe('Text that people read', () => {
  let service: Service;
  let merchant: MadeAccount;
  /** A restricted key's, a webhook endpoint's. */
  let ids: { key: string; endpoint: string };
  beforeAll(async () => {
    service = await Service.start();
    const dns = new FakeDns();
    dns.addresses.set('shop.example', ['8.8.8.8']);
    dns.answerFor(service);
    merchant = await service.makeAccount();
    const { secretKey: key } = merchant.test;
    const made = await service.makeRestrictedKey(key);
    const { body } = await service.call('post', '/v1/webhook-endpoints', { key, body: endpoint }).expect(201);
    ids = { key: made.id, endpoint: body.id };
    await service
      .call('post', '/v1/admin/event-types', { body: { type: 'payout.sent', description: 'x' } })
      .expect(201);
  });
  afterAll(() => service.stop());

  const endpoint = { url: 'https://shop.example/hook', event_types: ['*'] };
  const pathTo = (path: string) =>
    path.replace(':key', ids.key).replace(':endpoint', ids.endpoint).replace(':account', merchant.id);

  it.each<[Method, string, 'name' | 'description', object]>([
    ['post', '/v1/api-keys', 'name', { scopes: ['read'] }],
    ['patch', '/v1/api-keys/:key', 'name', {}],
    ['post', '/v1/admin/accounts', 'name', {}],
    ['patch', '/v1/admin/accounts/:account', 'name', {}],
    ['post', '/v1/admin/event-types', 'description', { type: 'payout.failed' }],
    ['patch', '/v1/admin/event-types/payout.sent', 'description', {}],
    ['post', '/v1/webhook-endpoints', 'description', endpoint],
    ['patch', '/v1/webhook-endpoints/:endpoint', 'description', {}],
    ['post', '/v1/logs', 'description', { action: 'note.added', status: 'info' }],
  ])(
    '%s %s takes a %s that can be seen, and none that is blank or disturbs what shows it',
    async (method, path, field, more) => {
      const key = path.includes('admin') ? service.adminKey : merchant.test.secretKey;
      const send = (text: string) => service.call(method, pathTo(path), { key, body: { ...more, [field]: text } });
      for (const [text, code] of [
        ['   ', 'blank'],
        ['a\u001b[2Jb', 'invalid_character'],
        ...(field === 'name' ? [['a\nb', 'invalid_character']] : []),
      ] as const) {
        const { body } = await send(text).expect(422);
        expect(body.errors).toEqual([{ field, code, message: expect.any(String) }]);
      }
      const text = field === 'name' ? 'Épicerie 夜間' : 'Épicerie\n夜間';
      const { body } = await send(text);
      expect((body.account ?? body)[field]).toBe(text);
    },
  );
});
