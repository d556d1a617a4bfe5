import ipaddr from 'ipaddr.js';

/** A CIDR range, parsed once. */
export type AddressRange = readonly [network: ipaddr.IPv4 | ipaddr.IPv6, prefixLength: number];

/**
 * @param cidrs for instance `10.0.0.0/8` or `fd00::/8`
 * @throws Error when one is not a CIDR range
 */
export function parseRanges(cidrs: readonly string[]): AddressRange[] {
  return cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
}

/**
 * IPv4 that no request may reach: private, shared, special-purpose, multicast, reserved, and a cloud's host service.
 */
const FORBIDDEN_IPV4 = parseRanges([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);

/** IPv6 is forbidden but for this range: mapped, translated, local and multicast addresses all lie outside it. */
const GLOBAL_IPV6 = parseRanges(['2000::/3']);
const FORBIDDEN_GLOBAL_IPV6 = parseRanges([
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
]);

/**
 * Whether a request may not go to `address`, whose form is that of `dns` or of a URL's host (IPv6 with or without
 * brackets). What is not an address is forbidden.
 */
export function isForbiddenAddress(address: string, opened: readonly AddressRange[] = []): boolean {
  const parsed = parseAddress(address);
  if (parsed === null) return true;
  if (isWithin(parsed, opened)) return false;
  if (parsed.kind() === 'ipv4') return isWithin(parsed, FORBIDDEN_IPV4);
  return !isWithin(parsed, GLOBAL_IPV6) || isWithin(parsed, FORBIDDEN_GLOBAL_IPV6);
}

export function isInRanges(address: string, ranges: readonly AddressRange[]): boolean {
  const parsed = parseAddress(address);
  return parsed !== null && isWithin(parsed, ranges);
}

/** A scope (`fe80::1%eth0`) would choose the interface, so an address that has one is no address here. */
function parseAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (bare.includes('%')) return null;
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare);
  return ipaddr.IPv6.isValid(bare) ? ipaddr.IPv6.parse(bare) : null;
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly AddressRange[]): boolean {
  return ranges.some(([network, prefixLength]) => {
    if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, prefixLength);
    return network instanceof ipaddr.IPv6 && address.match(network, prefixLength);
  });
}
