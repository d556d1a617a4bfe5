import { verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { decodeId } from '../src/common/ids.js';
import { EndpointSettingsReader } from '../src/webhooks/endpoint-settings.js';
import { signRequest } from '../src/webhooks/signature.js';
import { FakeDns } from './support/fake-dns.js';
import { expectProblem } from './support/problems.js';
import { type MadeAccount, type Method, Service } from './support/service.js';

interface Endpoint {
  id: string;
  secret: string | null;
  public_key: string | null;
}

describe("a webhook endpoint's secrets", () => {
  let service: Service;
  let merchant: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start();
    const dns = new FakeDns();
    dns.answerFor(service);
    dns.addresses.set('shop.example', ['8.8.8.8']);
  });
  beforeEach(async () => {
    merchant = await service.makeAccount();
    key = merchant.test.secretKey;
  });
  afterAll(() => service.stop());

  const call = (method: Method, path: string) => service.call(method, `/v1/webhook-endpoints${path}`, { key });
  const created = async (changes: object = {}): Promise<Endpoint> => {
    const body = { url: 'https://shop.example/hook', event_types: ['payment.*'], ...changes };
    return (await call('post', '').send(body).expect(201)).body as Endpoint;
  };
  const settings = async (id: string) => {
    const ref = { accountId: decodeId('acct', merchant.id), mode: 'test' as const, id: decodeId('we', id) };
    const [loaded] = await service.app.get(EndpointSettingsReader).load([ref]);
    return loaded!;
  };
  const signed = async (id: string, body: string) => {
    const { signature } = await settings(id);
    const timestampSeconds = Math.floor(Date.now() / 1000);
    return signRequest({ ...signature!, id: 'evt_1', timestampSeconds, body: Buffer.from(body) });
  };

  it('signs with the secret that was shown, and with both while a rotation overlaps', async () => {
    const { id, secret: first } = await created();
    const rotated = await call('post', `/${id}/rotate-secret`).expect(201);
    const { secret: second } = rotated.body as Endpoint;
    expect(second).not.toBe(first);
    const headers = await signed(id, '{"a":1}');
    for (const secret of [first!, second!]) expect(new Webhook(secret).verify('{"a":1}', headers)).toEqual({ a: 1 });
    expect((await settings(id)).secretsLiveForMs).toBeGreaterThan(86_000_000);

    const last = await call('post', `/${id}/rotate-secret`).send({ expire_previous_in: 0 }).expect(201);
    const after = await signed(id, '{"a":1}');
    for (const secret of [first!, second!]) expect(() => new Webhook(secret).verify('{"a":1}', after)).toThrow();
    expect(new Webhook((last.body as Endpoint).secret!).verify('{"a":1}', after)).toEqual({ a: 1 });
    expect((await settings(id)).secretsLiveForMs).toBeNull();
  });

  it('takes overlaps of 0 to 7 days, and no other secret than its scheme can sign with', async () => {
    const { id } = await created();
    const rotate = (body: object) => call('post', `/${id}/rotate-secret`).send(body);
    for (const overlap of [-1, 604_801, 1.5]) {
      expect((await rotate({ expire_previous_in: overlap })).body).toMatchObject({
        status: 422,
        errors: [{ field: 'expire_previous_in' }],
      });
    }
    expectProblem(await rotate({ secret: 'not a standard secret' }), 422, 'invalid_input', ['secret: invalid_secret']);
    const { secret } = (await rotate({ expire_previous_in: 604_800 }).expect(201)).body as Endpoint;
    const { body } = await call('get', `/${id}/secret`).expect(200);
    const { secrets } = body as { secrets: { secret: string; expires_at: string | null }[] };
    expect(secrets.map(({ expires_at }) => expires_at === null)).toEqual([true, false]);
    expect(secrets[0]!.secret).toBe(secret);
    const endsInMs = Date.parse(secrets[1]!.expires_at!) - Date.now();
    expect(Math.abs(endsInMs - 604_800_000)).toBeLessThan(60_000);
  });

  it('gives the live secrets without storing them anywhere, and logs that they were read', async () => {
    const { id, secret } = await created({ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' });
    expect(secret).toBe('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const { body, headers } = await call('get', `/${id}/secret`).expect(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toEqual({ secrets: [{ secret, created_at: expect.any(String) as string, expires_at: null }] });
    const query = { endpoint_id: id, action: 'webhook_endpoint.secret_read' };
    const logs = await service.call('get', '/v1/logs', { key, query }).expect(200);
    expect(logs.body.data).toHaveLength(1);
  });

  it('never shows an ed25519 key, and publishes the half that verifies', async () => {
    const { id, secret, public_key } = await created({ signature: { scheme: 'ed25519' } });
    expect(secret).toBeNull();
    expectProblem(await call('get', `/${id}/secret`), 409, 'no_shared_secret');
    const headers = await signed(id, '{}');
    const x = Buffer.from(public_key!.slice('whpk_'.length), 'base64').toString('base64url');
    const publicKey = { key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' as const };
    const content = Buffer.from(`evt_1.${headers['webhook-timestamp']}.{}`);
    const signature = Buffer.from(headers['webhook-signature']!.slice('v1a,'.length), 'base64');
    expect(verify(null, content, publicKey, signature)).toBe(true);
  });

  it('does not sign for an endpoint whose ciphertext was swapped for another’s, and still loads the others', async () => {
    const [a, b] = [await created(), await created()];
    const [idA, idB] = [decodeId('we', a.id), decodeId('we', b.id)];
    await service.dataSource.query(
      `UPDATE signalpost.webhook_secrets SET ciphertext =
         (SELECT ciphertext FROM signalpost.webhook_secrets WHERE endpoint_id = $2) WHERE endpoint_id = $1`,
      [idA, idB],
    );
    expect((await settings(a.id)).signature).toBeNull();
    expect((await settings(b.id)).signature?.secrets).toHaveLength(1);
  });
});
