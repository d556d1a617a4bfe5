// The limit of sending: a bare undici loop, in a process of its own, with the bytes of a real webhook.
import { Pool } from 'undici';
import { monotonicMs } from './statistics.mjs';

process.on('message', ({ origin, count, connections, headers, body }) => {
  void send(origin, count, connections, headers, body).then((times) => process.send(times));
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });

async function send(origin, count, connections, sampled, body) {
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = sampled;
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const beginMs = monotonicMs();
  let next = 0;
  const worker = async () => {
    while (next++ < count) {
      const response = await pool.request({ method: 'POST', path: '/hook/bare', headers, body });
      await response.body.dump();
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const endMs = monotonicMs();
  await pool.close();
  return { beginMs, endMs };
}
