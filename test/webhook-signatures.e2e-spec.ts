import { createHmac, createPublicKey, type JsonWebKey, randomBytes, timingSafeEqual, verify } from 'node:crypto';
import request from 'supertest';
import { Webhook } from 'standardwebhooks';
import { decodeId } from '../src/common/ids.js';
import { SecretUpkeep } from '../src/webhooks/upkeep/secret-upkeep.js';
import { testConfig } from './setup/database.js';
import { makeEndpoint, startSending } from './support/deliveries.js';
import { expectProblem } from './support/problems.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { type Arrival, Receiver } from './support/receiver.js';
import { type MadeAccount, Service } from './support/service.js';

type Scheme = 'standard' | 'ed25519' | 'timestamped';
interface Verdict {
  valid: boolean;
  reason: string | null;
  hint: string;
}

describe('signatures of real deliveries', () => {
  let service: Service;
  let receiver: Receiver;
  let merchant: MadeAccount;
  let operations = 0;

  beforeAll(async () => {
    receiver = await Receiver.start();
    service = await startSending();
    merchant = await service.makeAccount();
  });
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
  });

  const key = () => merchant.test.secretKey;
  const make = (scheme: Scheme, path: string, more: object = {}) =>
    makeEndpoint(service, key(), { url: receiver.url(path), signature: { scheme }, ...more });
  /** Publishes an event and waits for it at `path`. */
  const deliver = async (path: string): Promise<Arrival> => {
    const before = receiver.at(path).length;
    await publishNew(service, key(), operationEvent('collect.failed', `col_${(operations += 1)}`));
    return (await receiver.arrived(before + 1, path)).at(-1)!;
  };
  const rotate = async (id: string, overlap: number) =>
    (
      await service
        .call('post', `/v1/webhook-endpoints/${id}/rotate-secret`, {
          key: key(),
          body: { expire_previous_in: overlap },
        })
        .expect(201)
    ).body as { secret: string | null };
  const ask = async (id: string, { headers, body }: Pick<Arrival, 'headers' | 'body'>, by = key()) => {
    const sent = { headers: headers as Record<string, string>, body };
    const path = `/v1/webhook-endpoints/${id}/verify-signature`;
    return (await service.call('post', path, { key: by, body: sent }).expect(200)).body as Verdict;
  };
  const jwksOf = async (id: string) => {
    const { body } = await request(service.app.getHttpServer()).get(`/.well-known/jwks/${id}.json`).expect(200);
    return (body as { keys: JsonWebKey[] }).keys;
  };
  /** The end of an overlap, without waiting for it. */
  const endSecrets = (id: string, ago: string) =>
    service.dataSource.query(
      `UPDATE signalpost.webhook_secrets SET expires_at = now() - $2::interval
       WHERE endpoint_id = $1 AND expires_at IS NOT NULL`,
      [decodeId('we', id), ago],
    );

  describe('by verifiers that are not ours', () => {
    /** The receiver's side by the public description of each scheme; none of it is this project's code. */
    const verifiers: Record<Scheme, (arrival: Arrival, secret: string, keys: JsonWebKey[]) => boolean> = {
      standard: ({ body, headers }, secret) => {
        try {
          new Webhook(secret).verify(body, headers as Record<string, string>);
          return true;
        } catch {
          return false;
        }
      },
      ed25519: ({ body, headers }, _secret, keys) => {
        const content = Buffer.from(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`);
        return String(headers['webhook-signature'])
          .split(' ')
          .some((entry) => {
            const signature = Buffer.from(entry.replace('v1a,', ''), 'base64');
            return keys.some((jwk) => verify(null, content, createPublicKey({ key: jwk, format: 'jwk' }), signature));
          });
      },
      timestamped: ({ body, headers }, secret) => {
        const parts = String(headers['x-webhook-signature'])
          .split(',')
          .map((part) => part.split('=') as [string, string]);
        const time = parts.find(([name]) => name === 't')![1];
        const expected = createHmac('sha256', secret).update(`${time}.${body}`).digest();
        return parts.some(([name, hex]) => name === 'v1' && timingSafeEqual(Buffer.from(hex, 'hex'), expected));
      },
    };
    const VERIFIER_NAMES: Record<Scheme, string> = {
      standard: 'standardwebhooks',
      ed25519: 'node:crypto with the JWKS',
      timestamped: 'HMAC of t.body',
    };

    it('are taken with every live secret and with no other, in the words of verify-signature too', async () => {
      const table: string[] = [];
      for (const scheme of ['standard', 'ed25519', 'timestamped'] as const) {
        const path = `/${scheme}`;
        const { id, secret: first } = await make(scheme, path);
        const { secret: foreign, id: foreignId } = await make(scheme, `/foreign-${scheme}`, {
          event_types: ['payment.*'],
        });
        const [firstKey] = await jwksIf(scheme, id);
        const alone = await deliver(path);
        const { secret: second } = await rotate(id, 3_600);
        const [secondKey] = await jwksIf(scheme, id);
        const overlapping = await deliver(path);
        await endSecrets(id, '1 minute');
        // The dispatcher learns of the end by its own clock; here the row is moved instead, so it is told.
        await service.call('patch', `/v1/webhook-endpoints/${id}`, { key: key(), body: { description: scheme } });
        const after = await deliver(path);
        const [foreignKey] = await jwksIf(scheme, foreignId);
        const states = [
          ['first, alone', alone, first, firstKey],
          ['first, in its overlap', overlapping, first, firstKey],
          ['second, in the overlap', overlapping, second, secondKey],
          ['second, after the overlap', after, second, secondKey],
          ['first, after its overlap', after, first, firstKey],
          ["another endpoint's", after, foreign, foreignKey],
        ] as const;
        for (const [state, arrival, secret, jwk] of states) {
          const taken = verifiers[scheme](arrival, secret!, jwk ? [jwk] : []);
          table.push(`${scheme} | ${VERIFIER_NAMES[scheme]} | ${state} | ${taken ? 'accepted' : 'refused'}`);
        }
        for (const [state, arrival] of [
          ['signed alone by the first, now ended', alone],
          ['signed by both', overlapping],
          ['signed by the second', after],
        ] as const) {
          const { reason } = await ask(id, arrival);
          table.push(`${scheme} | verify-signature | ${state} | ${reason ?? 'accepted'}`);
        }
        const { reason } = await ask(foreignId, after);
        table.push(`${scheme} | verify-signature | of another endpoint | ${reason ?? 'accepted'}`);
      }
      const rows = (scheme: Scheme) => [
        `${scheme} | ${VERIFIER_NAMES[scheme]} | first, alone | accepted`,
        `${scheme} | ${VERIFIER_NAMES[scheme]} | first, in its overlap | accepted`,
        `${scheme} | ${VERIFIER_NAMES[scheme]} | second, in the overlap | accepted`,
        `${scheme} | ${VERIFIER_NAMES[scheme]} | second, after the overlap | accepted`,
        `${scheme} | ${VERIFIER_NAMES[scheme]} | first, after its overlap | refused`,
        `${scheme} | ${VERIFIER_NAMES[scheme]} | another endpoint's | refused`,
        `${scheme} | verify-signature | signed alone by the first, now ended | secret_expired`,
        `${scheme} | verify-signature | signed by both | accepted`,
        `${scheme} | verify-signature | signed by the second | accepted`,
        `${scheme} | verify-signature | of another endpoint | wrong_secret`,
      ];
      expect(table).toEqual([...rows('standard'), ...rows('ed25519'), ...rows('timestamped')]);
    });

    const jwksIf = (scheme: Scheme, id: string) => (scheme === 'ed25519' ? jwksOf(id) : Promise.resolve([]));
  });

  describe('verify-signature', () => {
    it('tells what happened to the body of a real event', async () => {
      const { id } = await make('standard', '/body');
      const arrival = await deliver('/body');
      expect(await ask(id, arrival)).toMatchObject({ valid: true, reason: null });
      const parsed = JSON.parse(arrival.body) as Record<string, unknown>;
      const sorted = JSON.stringify(Object.fromEntries(Object.entries(parsed).sort()));
      for (const body of [JSON.stringify(parsed, null, 2), sorted, arrival.body.replace('1000', '1e3'), '']) {
        expect(await ask(id, { ...arrival, body })).toMatchObject({ valid: false, reason: 'body_changed' });
      }
      // The event of one delivery says nothing of another endpoint's, nor of the other mode's.
      const other = await makeEndpoint(service, merchant.live.secretKey, { url: 'https://shop.example/' });
      expect(await ask(other.id, { ...arrival, body: '' }, merchant.live.secretKey)).toMatchObject({
        reason: 'wrong_secret',
      });
    });

    it('knows the key that the caller itself sends, and takes a body of 512 KiB but no longer one', async () => {
      const { id } = await make('timestamped', '/own', { event_types: ['payment.*'] });
      const time = Math.floor(Date.now() / 1_000);
      const body = `"${'x'.repeat(512 * 1024 - 2)}"`;
      const signed = (secret: string) => ({
        'X-Webhook-Signature': `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`,
      });
      expect(await ask(id, { headers: signed(key()), body })).toMatchObject({ reason: 'api_key_used_as_secret' });
      expect(await ask(id, { headers: signed(merchant.test.publicKey), body })).toMatchObject({
        reason: 'wrong_secret',
      });
      const long = { headers: signed(key()), body: `${body} ` };
      const path = `/v1/webhook-endpoints/${id}/verify-signature`;
      expectProblem(await service.call('post', path, { key: key(), body: long }), 422, 'invalid_input');
    });

    it('knows an ended secret for seven days, after which its row goes', async () => {
      const { id } = await make('standard', '/ended');
      const arrival = await deliver('/ended');
      await rotate(id, 0);
      expect(await ask(id, arrival)).toMatchObject({ reason: 'secret_expired' });
      await endSecrets(id, '6 days 23 hours');
      expect(await ask(id, arrival)).toMatchObject({ reason: 'secret_expired' });
      const upkeep = service.app.get(SecretUpkeep, { strict: false });
      expect(await upkeep.runOnce(new Date())).toEqual({ resealed: 0, deleted: 0, failed: 0 });
      await endSecrets(id, '7 days 1 minute');
      expect(await ask(id, arrival)).toMatchObject({ reason: 'wrong_secret' });
      expect(await upkeep.runOnce(new Date())).toEqual({ resealed: 0, deleted: 1, failed: 0 });
    });
  });

  describe('/.well-known/jwks', () => {
    const get = (name: string) => request(service.app.getHttpServer()).get(`/.well-known/jwks/${name}`);

    it('lists both keys during an overlap to everyone, for five minutes, from any page', async () => {
      const { id } = await make('ed25519', '/jwks');
      const { body, headers } = await get(`${id}.json`).set('origin', 'https://shop.example').expect(200);
      const { keys } = body as { keys: Record<string, string>[] };
      expect(keys).toEqual([
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: expect.stringMatching(/^[\w-]{43}$/),
          kid: expect.any(String),
          use: 'sig',
          alg: 'EdDSA',
        },
      ]);
      expect(headers).toMatchObject({ 'cache-control': 'public, max-age=300', 'access-control-allow-origin': '*' });
      const endpoint = await service.call('get', `/v1/webhook-endpoints/${id}`, { key: key() }).expect(200);
      expect(endpoint.body.public_key).toBe(`whpk_${Buffer.from(keys[0]!.x!, 'base64url').toString('base64')}`);

      await rotate(id, 604_800);
      const both = await jwksOf(id);
      expect(both).toHaveLength(2);
      expect(both[1]).toEqual(keys[0]);
      await endSecrets(id, '1 second');
      expect(await jwksOf(id)).toEqual([both[0]]);
    });

    it('knows no endpoint that has no such key, and needs an id', async () => {
      const shared = await make('standard', '/jwks');
      const gone = await make('ed25519', '/jwks');
      await service.call('delete', `/v1/webhook-endpoints/${gone.id}`, { key: key() }).expect(204);
      for (const id of [shared.id, gone.id, 'we_01k96sd3k8e2r9wq6m4h0v5xtz']) {
        const answer = await get(`${id}.json`);
        expectProblem(answer, 404, 'not_found');
        // A cache that kept it would hide the key of an endpoint for minutes.
        expect(answer.headers['cache-control']).toBe('no-store');
      }
      expectProblem(await get(`${merchant.id}.json`), 422, 'invalid_input', ['endpoint_id: invalid_id']);
      expectProblem(await get(shared.id), 404, 'not_found');
    });
  });
});

describe('the keys that seal secrets', () => {
  const oldKey = `old:${randomBytes(32).toString('base64')}`;
  const newKey = `new:${randomBytes(32).toString('base64')}`;
  let receiver: Receiver;
  beforeAll(async () => (receiver = await Receiver.start()));
  afterAll(() => receiver.stop());

  it('are changed in the background without a signature lost, and the old one can then be taken out', async () => {
    let service = await startSending({ environment: { ENCRYPTION_KEYS: oldKey } });
    const merchant = await service.makeAccount();
    const { secretKey: key } = merchant.test;
    const { id, secret } = await makeEndpoint(service, key, { url: receiver.url() });
    const kept = { ...service.config };
    await service.stop();

    const restart = async (keys: string) => {
      const { encryptionKeys } = testConfig(kept.databaseUrl ?? 'postgres://unused', { ENCRYPTION_KEYS: keys });
      service = await Service.start({ config: { ...kept, encryptionKeys } });
    };
    const keyIds = async () =>
      (
        await service.dataSource.query<{ key_id: string }[]>(
          'SELECT DISTINCT key_id FROM signalpost.webhook_secrets ORDER BY 1',
        )
      ).map(({ key_id }) => key_id);
    const upkeep = () => service.app.get(SecretUpkeep, { strict: false }).runOnce(new Date());

    await restart(newKey);
    const untouched = await keyIds();
    expect((await upkeep()).failed).toBeGreaterThan(0);
    expect(await keyIds()).toEqual(untouched);
    await service.stop();

    await restart(`${newKey},${oldKey}`);
    const counts = await upkeep();
    expect(counts.resealed).toBeGreaterThan(0);
    expect(await upkeep()).toMatchObject({ resealed: 0 });
    await service.stop();

    await restart(newKey);
    await publishNew(service, key, operationEvent('collect.pending', 'col_sealed'));
    const [arrival] = await receiver.arrived(1);
    expect(new Webhook(secret).verify(arrival!.body, arrival!.headers as Record<string, string>)).toMatchObject({
      type: 'collect.pending',
    });
    const shown = await service.call('get', `/v1/webhook-endpoints/${id}/secret`, { key }).expect(200);
    expect(shown.body.secrets[0].secret).toBe(secret);
    await service.stop();
  });
});
