import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { makeApiKey } from '../src/auth/api-key.js';
import { createLogger } from '../src/common/logging.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { exchange } from './support/exchange.js';
import { Service, until } from './support/service.js';

const KIB = 1_024;
const JSON_TYPE = { 'content-type': 'application/json' };

describe("A stranger's request", () => {
  let service: Service;
  let origin: string;
  let logged = '';
  beforeAll(async () => {
    const logger = createLogger({ level: 'info', destination: { write: (line) => void (logged += line) } });
    service = await Service.start({ environment: { TRUST_PROXY: '127.0.0.1' }, logger });
    origin = await service.app.getUrl();
  });
  afterAll(() => service.stop());

  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const send = (headers: Record<string, string>, body?: string) =>
    exchange({ method: 'POST', url: `${origin}/v1/events/batch`, headers: { ...JSON_TYPE, ...headers }, body });

  it('is refused before its body has come, where the headers say that it is neither too large nor of a wrong type', async () => {
    const announced = { 'content-length': String(5 * KIB * KIB) };
    expect(await send(announced)).toMatchObject({ status: 401, text: expect.stringContaining('missing_api_key') });
    for (const key of ['sk_test_short', makeApiKey('secret', 'test')]) {
      const answer = await send({ ...announced, ...bearer(key) });
      expect(answer).toMatchObject({ status: 401, text: expect.stringContaining('invalid_api_key') });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'content-length': String(Buffer.byteLength(answer.text)),
        'cache-control': 'no-store',
        'www-authenticate': 'Bearer realm="signalpost", error="invalid_token"',
        'x-content-type-options': 'nosniff',
        vary: 'Origin',
      });
    }
  });

  it('is too large or of a wrong type before it is anything else, also where only reading tells', async () => {
    const outcome = async (headers: Record<string, string>, body?: string) => (await send(headers, body)).status;
    expect(await outcome({ 'content-length': String(5 * KIB * KIB + 1) })).toBe(413);
    expect(await outcome({ 'content-type': 'text/plain' }, '{}')).toBe(415);
    expect(await outcome({ 'content-encoding': 'gzip' }, '{}')).toBe(415);
    const unannounced = request(`${origin}/v1/events`, { method: 'POST', headers: JSON_TYPE, agent: false });
    unannounced.write(Buffer.alloc(256 * KIB, ' '));
    unannounced.end(' ');
    const [chunked] = (await once(unannounced, 'response')) as [IncomingMessage];
    expect(chunked.statusCode).toBe(413);
    unannounced.destroy();
  });

  it('leaves its connection good for the next one, with its body unread', async () => {
    const { test } = await service.makeAccount();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const on = async (path: string, method: string, headers: Record<string, string>, body?: string) => {
      const sent = request(origin + path, { method, headers, agent });
      sent.end(body);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      await text(response);
      return [response.statusCode, sent.reusedSocket];
    };
    expect(await on('/v1/events', 'POST', JSON_TYPE, `"${'x'.repeat(200 * KIB)}"`)).toEqual([401, false]);
    expect(await on('/v1/account', 'GET', bearer(test.secretKey))).toEqual([200, true]);
    expect(await on('/v1/account', 'HEAD', bearer('sk_test_short'))).toEqual([401, true]);
    expect(await on('/v1/account', 'GET', bearer(test.secretKey))).toEqual([200, true]);
    agent.destroy();
  });

  it('has a line in the log, and is only counted once its address sends too many', async () => {
    const headers = { ...bearer('sk_test_short'), 'x-forwarded-for': '203.0.113.77' };
    const get = (id: string) =>
      exchange({ method: 'GET', url: `${origin}/v1/account`, headers: { ...headers, 'request-id': id } });
    const ids = { 401: [] as string[], 429: [] as string[] };
    // Tokens come back while we ask: which of them is one too many is told by its answer alone.
    for (let count = 0; count < 3_000 && ids[429].length === 0; count += 1) {
      const id = `stranger-${count}-of-many`;
      ids[(await get(id)).status as keyof typeof ids].push(id);
    }
    expect(ids[429]).toHaveLength(1);
    headers['x-forwarded-for'] = '203.0.113.78';
    expect((await get('stranger-elsewhere')).status).toBe(401);
    await until(async () => logged.includes('stranger-elsewhere'));
    for (const id of ids[401]) expect(logged).toContain(id);
    expect(logged).toContain('203.0.113.77 sends wrong keys too fast');
    expect(logged).not.toContain(ids[429][0]);
    const counted = await service.app.get(Metrics, { strict: false }).registry.metrics();
    expect(counted).toMatch(
      /^http_request_duration_seconds_count\{method="GET",route="\/v1\/account",status="429"\} /m,
    );
  }, 60_000);
});
