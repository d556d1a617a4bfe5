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

  it.each([
    { what: 'without a body', method: 'GET', route: '/v1/account', framing: undefined, address: '203.0.113.77' },
    {
      what: 'with a body of a length that only reading tells',
      method: 'POST',
      route: '/v1/events',
      framing: { ...JSON_TYPE, 'transfer-encoding': 'chunked' },
      address: '203.0.113.78',
    },
  ])(
    '$what has a line in the log, and is only counted once its address sends too many',
    async ({ method, route, framing, address }) => {
      const headers = { ...bearer('sk_test_short'), ...framing, 'x-forwarded-for': address };
      const ask = async (id: string) => {
        const sent = request(origin + route, { method, headers: { ...headers, 'request-id': id }, agent: false });
        sent.end(framing && '{}');
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        await text(response);
        return response.statusCode;
      };
      const ids = { 401: [] as string[], 429: [] as string[] };
      // Tokens come back while we ask: which of them is one too many is told by its answer alone.
      for (let count = 0; count < 3_000 && ids[429].length === 0; count += 1) {
        const id = `stranger-${method}-${count}-of-many`;
        ids[(await ask(id)) as keyof typeof ids].push(id);
      }
      expect(ids[429]).toHaveLength(1);
      headers['x-forwarded-for'] = '203.0.113.79';
      expect(await ask(`stranger-${method}-elsewhere`)).toBe(401);
      await until(async () => logged.includes(`stranger-${method}-elsewhere`));
      for (const id of ids[401]) expect(logged).toContain(id);
      expect(logged).not.toContain(ids[429][0]);
      expect(logged).toContain('203.0.113.77 sends wrong keys too fast');
      const counted = await service.app.get(Metrics, { strict: false }).registry.metrics();
      const line = `http_request_duration_seconds_count{method="${method}",route="${route}",status="429"} `;
      expect(counted.split('\n')).toContainEqual(expect.stringContaining(line));
    },
    60_000,
  );
});
