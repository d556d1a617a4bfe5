import { isForbiddenAddress, isInRanges, parseRanges } from './address-ranges.js';

/**
 * First and last address of each forbidden range; the neighbours just outside are allowed unless named as forbidden.
 */
const FORBIDDEN_IPV4: [cidr: string, first: string, last: string][] = [
  ['0/8', '0.0.0.0', '0.255.255.255'],
  ['10/8', '10.0.0.0', '10.255.255.255'],
  ['100.64/10', '100.64.0.0', '100.127.255.255'],
  ['127/8', '127.0.0.0', '127.255.255.255'],
  ['168.63.129.16', '168.63.129.16', '168.63.129.16'],
  ['169.254/16', '169.254.0.0', '169.254.255.255'],
  ['172.16/12', '172.16.0.0', '172.31.255.255'],
  ['192.0.0/24', '192.0.0.0', '192.0.0.255'],
  ['192.0.2/24', '192.0.2.0', '192.0.2.255'],
  ['192.31.196/24', '192.31.196.0', '192.31.196.255'],
  ['192.52.193/24', '192.52.193.0', '192.52.193.255'],
  ['192.88.99/24', '192.88.99.0', '192.88.99.255'],
  ['192.168/16', '192.168.0.0', '192.168.255.255'],
  ['192.175.48/24', '192.175.48.0', '192.175.48.255'],
  ['198.18/15', '198.18.0.0', '198.19.255.255'],
  ['198.51.100/24', '198.51.100.0', '198.51.100.255'],
  ['203.0.113/24', '203.0.113.0', '203.0.113.255'],
  ['224/4 and 240/4', '224.0.0.0', '255.255.255.255'],
];

const FORBIDDEN_IPV6: [name: string, first: string, last: string][] = [
  ['all below 2000::/3', '::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001::/23', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::/32', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2002::/16', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2620:4f:8000::/48', '2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff'],
  ['3fff::/20', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['all above 2000::/3', '4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

describe('isForbiddenAddress', () => {
  it.each(FORBIDDEN_IPV4)('forbids IPv4 %s from edge to edge and nothing beside it', (_name, first, last) => {
    expect([first, last].map((address) => isForbiddenAddress(address))).toEqual([true, true]);
    const outside = [ipv4Number(first) - 1, ipv4Number(last) + 1].filter((n) => n >= 0 && n < 2 ** 32);
    expect(outside.map((n) => isForbiddenAddress(ipv4Text(n)))).toEqual(outside.map(() => false));
  });

  it.each(FORBIDDEN_IPV6)('forbids IPv6 %s from edge to edge and nothing beside it', (_name, first, last) => {
    expect([first, last].map((address) => isForbiddenAddress(address))).toEqual([true, true]);
    const outside = [ipv6Number(first) - 1n, ipv6Number(last) + 1n].filter((n) => n >= 0n && n < 1n << 128n);
    expect(outside.map((n) => isForbiddenAddress(ipv6Text(n)))).toEqual(outside.map(() => false));
  });

  it.each([
    '::1',
    '::ffff:8.8.8.8',
    '::8.8.8.8',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '100::1',
    '5f00::1',
    'fc00::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '[::1]',
  ])('forbids the special IPv6 address %s', (address) => {
    expect(isForbiddenAddress(address)).toBe(true);
  });

  it.each([
    '',
    'localhost',
    '127.1',
    '0x7f000001',
    '2130706433',
    '0177.0.0.1',
    '8.8.8.8 ',
    '2606:4700::1%eth0',
    '8.8.8.8/32',
  ])('forbids %j, which is no plain address', (text) => {
    expect(isForbiddenAddress(text)).toBe(true);
  });

  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '[2a00:1450::1]'])(
    'allows the public address %s',
    (address) => {
      expect(isForbiddenAddress(address)).toBe(false);
    },
  );

  it('opens exactly the ranges of the setting, and no mapped form of them', () => {
    const opened = parseRanges(['127.0.0.0/8', '::1/128']);
    expect(isForbiddenAddress('127.0.0.1', opened)).toBe(false);
    expect(isForbiddenAddress('::1', opened)).toBe(false);
    expect(isForbiddenAddress('::2', opened)).toBe(true);
    expect(isForbiddenAddress('10.0.0.1', opened)).toBe(true);
    expect(isForbiddenAddress('::ffff:127.0.0.1', opened)).toBe(true);
  });
});

describe('parseRanges', () => {
  it('refuses what is not a CIDR range', () => {
    expect(() => parseRanges(['127.0.0.1'])).toThrow();
    expect(() => parseRanges(['127.0.0.0/33'])).toThrow();
  });

  it('finds addresses of either family in its ranges only', () => {
    const ranges = parseRanges(['10.1.0.0/16', 'fd00::/8']);
    expect(['10.1.2.3', 'fdab::1', '10.2.0.0', 'fc00::1'].map((address) => isInRanges(address, ranges))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) % 256).join('.');
}

function ipv6Number(address: string): bigint {
  const [head = '', tail = ''] = address.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const middle = Array<string>(address.includes('::') ? 8 - left.length - right.length : 0).fill('0');
  return [...left, ...middle, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function ipv6Text(value: bigint): string {
  return Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(':');
}
