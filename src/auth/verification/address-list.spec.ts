import { compileAddressList, isAddressOrRange, plainAddress } from './address-list.js';

describe('compileAddressList', () => {
  it('an empty list restricts nothing', () => {
    expect(compileAddressList([])).toBeNull();
  });

  const list = ['203.0.113.9', '198.51.100.0/25', '2001:db8::/33', '::ffff:192.0.2.0/120'];
  it.each([
    ['203.0.113.9', true],
    ['203.0.113.8', false],
    ['203.0.113.10', false],
    ['198.51.100.127', true],
    ['198.51.100.128', false],
    ['2001:db8:7fff::1', true],
    ['2001:db8:8000::', false],
    ['::ffff:203.0.113.9', true],
    ['::ffff:203.0.113.10', false],
    ['192.0.2.255', true],
    ['not an address', false],
    ['', false],
  ])('%s: %s', (address, allowed) => {
    expect(compileAddressList(list)!(address)).toBe(allowed);
  });

  it('an entry that cannot be read allows nothing instead of everything', () => {
    expect(compileAddressList(['nonsense'])!('203.0.113.9')).toBe(false);
  });
});

describe('isAddressOrRange', () => {
  it.each(['203.0.113.9', '10.0.0.0/8', '::1', '2001:db8::/32', '0.0.0.0/0', '::/0'])('takes %s', (entry) => {
    expect(isAddressOrRange(entry)).toBe(true);
  });
  it.each([
    '10.0.0.0/33',
    '::/129',
    '10.0.0',
    '0x7f.1',
    '010.0.0.1/8/8',
    'localhost',
    '10.0.0.0/-1',
    'fe80::1%eth0',
    '',
  ])('refuses %p', (entry) => expect(isAddressOrRange(entry)).toBe(false));
});

describe('plainAddress', () => {
  it('shows an IPv4 address that a dual-stack socket reports in its plain form', () => {
    expect(plainAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(plainAddress('2001:DB8::1')).toBe('2001:db8::1');
  });
});
