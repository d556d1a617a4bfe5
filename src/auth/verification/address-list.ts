import { BlockList, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Whether an address is in a list. */
export type AddressTest = (address: string) => boolean;

/** Whether `entry` is an IPv4 or IPv6 address or a CIDR range of either, in its plain form. */
export function isAddressOrRange(entry: string): boolean {
  return parseRange(entry) !== null;
}

/** A test for a key's `allowed_ips`; null when the list is empty, which allows every address. */
export function compileAddressList(entries: readonly string[]): AddressTest | null {
  if (entries.length === 0) return null;
  const list = new BlockList();
  for (const entry of entries) {
    const range = parseRange(entry);
    // An entry that cannot be read allows nothing: a list never opens by a mistake in it.
    if (range) list.addSubnet(range.address, range.bits, range.family);
  }
  return (address) => {
    const plain = plainAddress(address);
    return plain !== '' && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}

/** `::ffff:192.0.2.1`, which a socket open to both families reports, is the IPv4 address; '' when it is no address. */
export function plainAddress(address: string): string {
  if (!ipaddr.isValid(address)) return '';
  return ipaddr.process(address).toString();
}

function parseRange(entry: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  if (!/^[0-9a-fA-F:.]{2,45}(\/\d{1,3})?$/.test(entry)) return null;
  const [address = '', bits] = entry.split('/');
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return rangeOf(address, bits, 32, 'ipv4');
  if (!ipaddr.IPv6.isValid(address)) return null;
  const mapped = ipaddr.IPv6.parse(address);
  if (mapped.isIPv4MappedAddress()) {
    const prefix = bits === undefined ? undefined : String(Number(bits) - 96);
    return rangeOf(mapped.toIPv4Address().toString(), prefix, 32, 'ipv4');
  }
  return rangeOf(address, bits, 128, 'ipv6');
}

function rangeOf(address: string, bits: string | undefined, most: number, family: 'ipv4' | 'ipv6') {
  const length = bits === undefined ? most : Number(bits);
  return length >= 0 && length <= most ? { address, bits: length, family } : null;
}
