// What a team writes first, in a process of its own: Fastify, a pool of as many connections as the service has, and one
// INSERT a request into a table with nothing but a key. `?to=<origin>` also sends the body on, once it is committed.
import Fastify from 'fastify';
import pg from 'pg';
import { Pool } from 'undici';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 12 });
await pool.query(`CREATE TABLE IF NOT EXISTS public.bare_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), body text NOT NULL)`);

const INSERT_ONE = { name: 'one', text: 'INSERT INTO public.bare_events (body) VALUES ($1) RETURNING id' };
const INSERT_BATCH = {
  name: 'batch',
  text: 'INSERT INTO public.bare_events (body) SELECT unnest($1::text[]) RETURNING id',
};
const receivers = new Map();

const server = Fastify({ bodyLimit: 5 * 1024 * 1024 });
server.post('/v1/events', async (request, reply) => {
  const { rows } = await pool.query({ ...INSERT_ONE, values: [JSON.stringify(request.body)] });
  const body = JSON.stringify({ id: rows[0].id, ...request.body });
  if (request.query.to !== undefined) void sendOn(request.query.to, rows[0].id, body);
  return reply.code(201).type('application/json').send(body);
});
server.post('/v1/events/batch', async (request) => {
  const { events } = request.body;
  const { rows } = await pool.query({ ...INSERT_BATCH, values: [events.map((event) => JSON.stringify(event))] });
  const results = events.map((event, n) => ({ status: 201, event: { id: rows[n].id, ...event } }));
  return { object: 'batch_result', created: rows.length, failed: 0, results };
});

async function sendOn(origin, id, body) {
  if (!receivers.has(origin)) receivers.set(origin, new Pool(origin, { connections: 64, pipelining: 1 }));
  const headers = { 'content-type': 'application/json', 'webhook-id': String(id) };
  const response = await receivers.get(origin).request({ method: 'POST', path: '/hook/bare', headers, body });
  await response.body.dump();
}

process.on('disconnect', () => process.exit(0));
await server.listen({ port: 0, host: '127.0.0.1' });
process.send({ port: server.server.address().port });
