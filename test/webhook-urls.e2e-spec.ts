import { FakeDns } from './support/fake-dns.js';
import { type MadeAccount, Service } from './support/service.js';

const IP_LITERAL = /^Use a host name instead of an IP address\.$/;
const SCHEME = /^Use https\./;
const USER_INFO = /user name and password/;
const FRAGMENT = /fragment/;
const PORT = /port is not open/;
const MALFORMED = /absolute URL/;
const ADDRESS = /private, reserved or otherwise not on the public internet/;
const LENGTH = /at most 2048 characters|up to 2048 characters/;

/** By kind: the URL and what is told, in both modes unless a mode takes it. */
const REFUSED: [kind: string, url: string, message: RegExp, ...takenIn: string[]][] = [
  ['dotted IPv4', 'https://10.0.0.1/hook', IP_LITERAL],
  ['public IPv4', 'https://8.8.8.8/hook', IP_LITERAL],
  ['loopback', 'https://127.0.0.1/', IP_LITERAL],
  ["a cloud's metadata service", 'https://169.254.169.254/latest/meta-data/', IP_LITERAL],
  ['hexadecimal', 'https://0x7f.1/', IP_LITERAL],
  ['one decimal number', 'https://2130706433/', IP_LITERAL],
  ['octal', 'https://0177.0.0.1/', IP_LITERAL],
  ['circled digits', 'https://①②⑦.⓪.⓪.①/', IP_LITERAL],
  ['ideographic dots', 'https://127。0。0。1/', IP_LITERAL],
  ['a tab inside', 'https://127.0\t.0.1/', IP_LITERAL],
  ['per cent escapes', 'https://%31%32%37.0.0.1/', IP_LITERAL],
  ['a short form with a dot at its end', 'https://127.1./', IP_LITERAL],
  ['IPv6 loopback', 'https://[::1]/', IP_LITERAL],
  ['IPv4 mapped into IPv6', 'https://[::ffff:10.0.0.1]/', IP_LITERAL],
  ['NAT64', 'https://[64:ff9b::a00:1]/', IP_LITERAL],
  ['link-local IPv6', 'https://[fe80::1]/', IP_LITERAL],
  ['unencrypted', 'http://shop.example/hook', SCHEME, 'test'],
  ['FTP', 'ftp://shop.example/hook', SCHEME],
  ['a file', 'file:///etc/passwd', SCHEME],
  ['a script', 'javascript:alert(1)', SCHEME],
  ['data', 'data:text/plain,hello', SCHEME],
  ['a user', 'https://user@shop.example/', USER_INFO],
  ['a password', 'https://:pass@shop.example/', USER_INFO],
  ['a host dressed up as a user', 'https://shop.example@10.0.0.1/', USER_INFO],
  ['a fragment', 'https://shop.example/#top', FRAGMENT],
  ['an empty fragment', 'https://shop.example/#', FRAGMENT],
  ['SSH', 'https://shop.example:22/', PORT],
  ['PostgreSQL', 'https://shop.example:5432/', PORT],
  ['no scheme', 'shop.example/hook', MALFORMED],
  ['no host', 'https://', MALFORMED],
  ['a space in the host', 'https://shop example/', MALFORMED],
  ['only a path', '/hook', MALFORMED],
  ['more than 2,048 characters', `https://shop.example/${'a'.repeat(2_048)}`, LENGTH],
  ['more than 2,048 characters once escaped', `https://shop.example/${'é'.repeat(1_000)}`, LENGTH],
  ['localhost', 'https://localhost/', ADDRESS],
  ['a name below localhost', 'https://hook.localhost/', ADDRESS],
];

/** An address of every range that no request may reach. */
const FORBIDDEN = [
  ...['0.1.2.3', '10.255.255.255', '100.64.0.1', '127.0.0.53', '168.63.129.16', '169.254.169.254', '172.31.255.255'],
  ...['192.0.0.1', '192.0.2.1', '192.31.196.1', '192.52.193.1', '192.88.99.1', '192.168.0.1', '192.175.48.1'],
  ...['198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '100::1', '2001::1', '2001:db8::1', '2002:808:808::1'],
  ...['2620:4f:8000::1', '3fff::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1'],
];

interface Problem {
  code: string;
  errors: { field: string; code: string; message: string }[];
}

describe('URLs of endpoints', () => {
  let service: Service;
  let merchant: MadeAccount;
  const dns = new FakeDns();

  beforeAll(async () => {
    service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '' } });
    dns.answerFor(service);
    dns.addresses.set('shop.example', ['8.8.8.8', '2606:4700::1']);
    dns.addresses.set('localhost', ['127.0.0.1', '::1']);
    dns.addresses.set('hook.localhost', ['127.0.0.1', '::1']);
    merchant = await service.makeAccount();
  });
  afterAll(() => service.stop());

  const create = (mode: 'test' | 'live', url: string) =>
    service.call('post', '/v1/webhook-endpoints', {
      key: merchant[mode].secretKey,
      body: { url, event_types: ['*'] },
    });

  const expectRefusal = ({ status, body }: { status: number; body: Problem }, message: RegExp): void => {
    expect([status, body.code]).toEqual([422, 'invalid_input']);
    const [error] = body.errors;
    expect(error).toMatchObject({ field: 'url', message: expect.stringMatching(message) });
    if (message !== LENGTH) expect(error!.code).toBe('url_forbidden');
    // Not even the address that the caller gave is said again.
    expect(error!.message).not.toMatch(/\d+\.\d+|::/);
  };

  it.each(REFUSED)(
    'of the kind %s are refused in words, unless the mode is for them',
    async (_kind, url, message, ...takenIn) => {
      for (const mode of ['test', 'live'] as const) {
        const answer = await create(mode, url);
        if (takenIn.includes(mode)) expect(answer.status).toBe(201);
        else expectRefusal(answer, message);
      }
    },
  );

  it('are judged the same when an endpoint is changed', async () => {
    const { id } = (await create('live', 'https://shop.example/ok').expect(201)).body as { id: string };
    for (const [, url, message] of REFUSED.slice(0, 20)) {
      const change = { key: merchant.live.secretKey, body: { url } };
      expectRefusal(await service.call('patch', `/v1/webhook-endpoints/${id}`, change), message);
    }
  });

  it.each(FORBIDDEN)(
    'a name that has the address %s, also beside a good one, is refused without saying it',
    async (address) => {
      for (const addresses of [[address], ['8.8.8.8', address]]) {
        dns.addresses.set('inside.example', addresses);
        const { status, body } = await create('live', 'https://inside.example/');
        expect(status).toBe(422);
        expect(body.errors).toEqual([
          { field: 'url', code: 'url_forbidden', message: expect.stringMatching(ADDRESS) as string },
        ]);
        expect(JSON.stringify(body)).not.toContain(address);
      }
    },
  );
});
