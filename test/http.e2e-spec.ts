import { connect } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type request from 'supertest';
import { Readiness } from '../src/common/health/readiness.js';
import { expectProblem } from './support/problems.js';
import { goodId, ThingApp } from './support/thing-app.js';

const part = { amount: 1 };
const id = goodId;
const key = `sk_live_${'a'.repeat(48)}`;

describe('HTTP', () => {
  const things = new ThingApp();
  const call = things.call.bind(things);
  const post = things.post.bind(things);
  const get = things.get.bind(things);
  beforeAll(() => things.start());
  afterAll(() => things.app.close());

  describe('order of checks', () => {
    it('puts 404 and 405 before keys in the query, media types, sizes and authentication', async () => {
      const large = 'x'.repeat(300_000);
      expectProblem(
        await call('post', `/v1/none?api_key=${key}`).set('content-type', 'text/plain').send(large),
        404,
        'not_found',
      );
      const wrongMethod = await call('delete', `/v1/things?api_key=${key}`)
        .set('content-type', 'text/plain')
        .send(large);
      expectProblem(wrongMethod, 405, 'method_not_allowed');
      expect(wrongMethod.headers.allow).toBe('GET, HEAD, OPTIONS, POST');
    });

    it('puts a key in the query before media type, size and authentication', async () => {
      const response = await call('post', `/v1/things?x=${key}`).set('content-type', 'text/plain').send('x');
      expectProblem(response, 400, 'key_in_query');
      expect(JSON.stringify(response.body)).not.toContain(key);
    });

    it('puts media type and size before authentication', async () => {
      expectProblem(
        await call('post', '/v1/things').set('content-type', 'text/plain').send('x'),
        415,
        'unsupported_media_type',
      );
      const large = JSON.stringify('x'.repeat(300_000));
      expectProblem(
        await call('post', '/v1/things').set('content-type', 'application/json').send(large),
        413,
        'body_too_large',
      );
    });

    it('puts authentication before everything in the body, the query and the path', async () => {
      expectProblem(
        await call('post', '/v1/things').set('content-type', 'application/json').send('{'),
        401,
        'missing_api_key',
      );
      expectProblem(await call('post', `/v1/things/${id}/cancel?x=1`).send({ x: 1 }), 401, 'missing_api_key');
      expectProblem(await call('get', '/v1/things?limit=0'), 401, 'missing_api_key');
      expectProblem(await call('get', '/v1/things/nonsense'), 401, 'missing_api_key');
    });
  });

  describe('routing', () => {
    it.each(['/v1/%zz', '/v1/things/%ff', '/%', `/v1/things/${'a'.repeat(5_000)}`, '/v1//things', '/v1/things/', '/'])(
      'answers %s with 404',
      async (path) => {
        expectProblem(await get(path), 404, 'not_found');
      },
    );

    it('knows the methods of paths with parameters', async () => {
      const response = await call('patch', `/v1/things/${id}`);
      expectProblem(response, 405, 'method_not_allowed');
      expect(response.headers.allow).toBe('GET, HEAD, OPTIONS');
    });

    it('answers a preflight with the origin and our headers, without credentials', async () => {
      const response = await call('options', `/v1/things/${id}`)
        .set('origin', 'https://shop.example')
        .set('access-control-request-method', 'GET')
        .set('access-control-request-headers', 'authorization');
      expect(response.status).toBe(204);
      expect(response.headers['access-control-allow-origin']).toBe('https://shop.example');
      expect(response.headers['access-control-allow-methods']).toContain('GET');
      expect(response.headers['access-control-allow-headers']).toContain('authorization');
      expect(response.headers['access-control-allow-credentials']).toBeUndefined();
      expect((await call('options', '/v1/none')).status).toBe(404);
    });

    it('lets a page read a refusal', async () => {
      const response = await call('get', '/v1/things').set('origin', 'https://shop.example');
      expect(response.status).toBe(401);
      expect(response.headers['access-control-allow-origin']).toBe('https://shop.example');
      expect(response.headers['cache-control']).toBe('no-store');
    });

    it('answers what is not HTTP with a problem', async () => {
      const answer = await raw(things.app, 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n');
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain('"code":"malformed_request"');
      expect(await raw(things.app, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`)).toMatch(
        /^HTTP\/1.1 431 /,
      );
    });
  });

  describe('request ids', () => {
    it.each(['abcdefgh', 'A.b_c-1234567890', 'x'.repeat(128)])('takes %s from the caller', async (given) => {
      const response = await call('get', '/v1/none').set('request-id', given);
      expect(response.headers['request-id']).toBe(given);
    });

    it.each(['short', 'x'.repeat(129), 'has space in it', 'semi;colon12'])(
      'makes its own instead of %s',
      async (given) => {
        const response = await call('get', '/healthz').set('request-id', given);
        expect(response.headers['request-id']).toMatch(/^req_[0-9a-z]{26}$/);
      },
    );
  });

  describe('bodies', () => {
    it('takes application/json with or without its charset', async () => {
      for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
        expect((await post('/v1/things', JSON.stringify({ part }), type)).status).toBe(201);
      }
      for (const type of [
        'application/json; charset=latin1',
        'application/jsonx',
        'application/x-www-form-urlencoded',
        'nonsense',
      ]) {
        expectProblem(await post('/v1/things', '{}', type), 415, 'unsupported_media_type');
      }
      expectProblem(await post('/v1/things', '{}').set('content-encoding', 'gzip'), 415, 'unsupported_media_type');
    });

    it('counts the bytes that arrive, not only those announced', async () => {
      const chunk = `${(100_000).toString(16)}\r\n${' '.repeat(100_000)}\r\n`;
      const head =
        'POST /v1/things HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
      expect(await raw(things.app, head + chunk.repeat(3))).toMatch(/^HTTP\/1.1 413 /);
    });

    it('lets a route have a larger limit', async () => {
      expect((await post('/v1/large', JSON.stringify(Array(400).fill('x'.repeat(1_000))))).status).toBe(201);
      expectProblem(
        await post('/v1/large', JSON.stringify(Array(1_100).fill('x'.repeat(1_000)))),
        413,
        'body_too_large',
      );
    });

    it('asks for a body only where a field is required', async () => {
      const without = (path: string): request.Test => call('post', path).set('authorization', 'Bearer good');
      expectProblem(await without('/v1/things'), 400, 'body_required');
      expectProblem(await post('/v1/things', ''), 400, 'body_required');
      expect((await without(`/v1/things/${id}/rotate`)).body).toEqual({ expire_in: 0 });
      expect((await post(`/v1/things/${id}/rotate`, '{"expire_in":5}')).body).toEqual({ expire_in: 5 });
      expect((await without(`/v1/things/${id}/cancel`)).status).toBe(200);
      expect((await post(`/v1/things/${id}/cancel`, '{}')).status).toBe(200);
    });

    it('refuses fields and parameters on routes that take none', async () => {
      expectProblem(await post(`/v1/things/${id}/cancel`, '{"x":1}'), 422, 'invalid_input', ['x: unknown_field']);
      expectProblem(await post(`/v1/things/${id}/cancel`, '{'), 400, 'malformed_json');
      expectProblem(await post(`/v1/things/${id}/cancel`, '[]'), 422, 'invalid_input', ['body: wrong_type']);
      expectProblem(await get(`/v1/things/${id}?x=1`), 422, 'invalid_input', ['x: unknown_field']);
    });
  });

  describe('keys in query strings', () => {
    it.each([
      `a=${key}`,
      `${key}=1`,
      'api_key=x',
      'ACCESS_TOKEN=x',
      `q=hello%20${key}`,
      `a=ak_${'b'.repeat(48)}`,
      `a=b&a=${encodeURIComponent(key)}`,
    ])('refuses a key in %s', async (query) => {
      expectProblem(await get(`/v1/things?${query}`), 400, 'key_in_query');
    });

    it('takes the id of a key', async () => {
      expectProblem(await get('/v1/things?api_key_id=key_01k96sd3k8e2r9wq6m4h0v5xtz'), 422, 'invalid_input', [
        'api_key_id: unknown_field',
      ]);
    });
  });

  describe('faults', () => {
    it('tells nothing of a fault but the request id, and logs it whole', async () => {
      const response = await get('/v1/broken').set('request-id', 'broken-request-1');
      expectProblem(response, 500, 'internal');
      expect(response.text).not.toContain('secret_table');
      const line = things.logged
        .split('\n')
        .find((text) => text.includes('broken-request-1') && text.includes('"err"'))!;
      expect(JSON.parse(line)).toMatchObject({ level: 'error', request_id: 'broken-request-1', route: '/v1/broken' });
      expect(line).toContain('secret_table');
    });

    it('asks to try again when the database is away', async () => {
      const response = await get('/v1/away');
      expectProblem(response, 503, 'unavailable');
      expect(response.headers['retry-after']).toBe('1');
    });

    it('writes one line for a request, with the route and not the path', async () => {
      await get(`/v1/things/${id}`).set('request-id', 'logged-request-1').expect(200);
      const lines = things.logged.split('\n').filter((text) => text.includes('logged-request-1'));
      expect(lines).toHaveLength(1);
      expect(JSON.parse(lines[0]!)).toMatchObject({
        method: 'GET',
        route: '/v1/things/:id',
        status: 200,
        msg: 'request',
      });
      expect(things.logged).not.toContain(key);
    });
  });

  it('is ready after the start, and not while a check fails or the process stops', async () => {
    const readiness = things.app.get(Readiness);
    expectProblem(await call('get', '/readyz'), 503, 'unavailable');
    readiness.markReady();
    expect((await call('get', '/readyz')).body).toEqual({ status: 'ready' });
    readiness.addCheck('database', () => Promise.reject(new Error('down')));
    expectProblem(await call('get', '/readyz'), 503, 'unavailable');
    readiness.addCheck('database', () => Promise.resolve());
    expect((await call('get', '/readyz')).status).toBe(200);
    readiness.markStopping();
    expectProblem(await call('get', '/readyz'), 503, 'unavailable');
    expect((await call('get', '/healthz')).body).toEqual({ status: 'ok' });
  });

  it('explains every code at /docs/errors', async () => {
    const page = await call('get', '/docs/errors');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.text).toContain('<section id="invalid_input">');
  });
});

/** Sends `text` as it is and gives everything that comes back. */
async function raw(app: NestFastifyApplication, text: string): Promise<string> {
  const { port } = app.getHttpServer().address() as { port: number };
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}
