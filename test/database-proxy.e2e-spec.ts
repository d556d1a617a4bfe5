import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { DatabaseProxy } from './support/database-proxy.js';

/** ReadyForQuery, idle, behind a word of the answer. */
const ANSWER = Buffer.from('lost Z\0\0\0\x05I', 'latin1');
const STATEMENT = 'queue.claim';

describe('a network that loses the answers to one statement', () => {
  it.each(Array.from({ length: STATEMENT.length - 1 }, (_, index) => index + 1))(
    'knows its name also where two chunks part it after %d letters',
    async (letters) => {
      let heard = '';
      const database = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (data) => {
          heard += data.toString();
          socket.write(heard.endsWith(STATEMENT) ? ANSWER : 'heard');
        });
      });
      database.listen(0, '127.0.0.1');
      await once(database, 'listening');
      const url = `postgres://127.0.0.1:${(database.address() as AddressInfo).port}/any`;
      const network = await DatabaseProxy.start(url, STATEMENT);
      const lost = network.loseAnswerWith('lost');

      const client = connect(Number(new URL(network.url).port), '127.0.0.1');
      const ended = new Promise((resolve) => client.once('close', resolve));
      client.on('error', () => undefined);
      client.write(`Parse ${STATEMENT.slice(0, letters)}`);
      // The first chunk has gone all the way.
      await once(client, 'data');
      const answers: Buffer[] = [];
      client.on('data', (data) => answers.push(data));
      client.write(STATEMENT.slice(letters));
      await Promise.all([lost, ended]);
      expect(answers).toEqual([]);
      await network.stop();
      await new Promise((resolve) => database.close(resolve));
    },
  );
});
