import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { DnsHostResolver, ResolutionError } from './host-resolver.js';

const TYPE_A = 1;
const RCODE_NXDOMAIN = 3;

/** A DNS server that answers with a code and the records of the asked type, or not at all when `respond` gives null. */
async function dnsServer(respond: (type: number, name: string) => { rcode: number; records: Buffer[] } | null) {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const nameEnd = query.indexOf(0, 12);
    const question = query.subarray(12, nameEnd + 5);
    const type = query.readUInt16BE(nameEnd + 1);
    const answer = respond(type, query.toString('latin1', 13, nameEnd));
    if (answer === null) return;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | answer.rcode, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answer.records.length, 6);
    const records = answer.records.map((data) => {
      const start = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
      return Buffer.concat([start, data]);
    });
    socket.send(Buffer.concat([header, question, ...records]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  sockets.push(socket);
  return new DnsHostResolver([`127.0.0.1:${socket.address().port}`]);
}

const sockets: Socket[] = [];
afterEach(() => sockets.splice(0).forEach((socket) => socket.close()));

const unhurried = () => new AbortController().signal;
const loopbackIpv6 = Buffer.from('00000000000000000000000000000001', 'hex');

describe('DnsHostResolver', () => {
  it('gives every address of both families, IPv4 first', async () => {
    const resolver = await dnsServer((type) => ({
      rcode: 0,
      records: type === TYPE_A ? [Buffer.from([8, 8, 8, 8]), Buffer.from([10, 0, 0, 1])] : [loopbackIpv6],
    }));
    const addresses = await resolver.resolve('shop.example', unhurried());
    expect(addresses.map(({ address }) => address).sort()).toEqual(['10.0.0.1', '8.8.8.8', '::1']);
    expect(addresses.map(({ family }) => family)).toEqual([4, 4, 6]);
  });

  it('is content with one family', async () => {
    const resolver = await dnsServer((type) => ({
      rcode: 0,
      records: type === TYPE_A ? [Buffer.from([8, 8, 8, 8])] : [],
    }));
    expect(await resolver.resolve('shop.example', unhurried())).toEqual([{ address: '8.8.8.8', family: 4 }]);
  });

  it('says that a name does not exist', async () => {
    const resolver = await dnsServer(() => ({ rcode: RCODE_NXDOMAIN, records: [] }));
    await expect(resolver.resolve('shop.example', unhurried())).rejects.toThrow(ResolutionError);
    await expect(resolver.resolve('shop.example', unhurried())).rejects.toThrow(/does not exist/);
  });

  it('maps localhost and its subdomains to loopback without asking', async () => {
    const resolver = await dnsServer(() => {
      throw new Error('asked');
    });
    for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'a.b.localhost']) {
      expect((await resolver.resolve(name, unhurried())).map(({ address }) => address)).toEqual(['127.0.0.1', '::1']);
    }
  });

  it('stops at its signal when the server is silent', async () => {
    const abort = new AbortController();
    const resolver = await dnsServer(() => {
      abort.abort(new Error('deadline'));
      return null;
    });
    await expect(resolver.resolve('shop.example', abort.signal)).rejects.toThrow('deadline');
    await expect(resolver.resolve('shop.example', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});
