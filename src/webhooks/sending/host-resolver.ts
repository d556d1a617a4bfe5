import { Resolver } from 'node:dns/promises';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** The name has no address that could be learned; `message` is for the merchant. */
export class ResolutionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ResolutionError';
  }
}

/** Turns a host name into all its addresses. Tests replace it to play a rebinding or a dead DNS server. */
export abstract class HostResolver {
  /**
   * Every address of `hostname`, IPv4 first; at least one. They are not vetted.
   * @throws ResolutionError when there is none
   * @throws `signal`'s reason when that comes first
   */
  abstract resolve(hostname: string, signal: AbortSignal): Promise<ResolvedAddress[]>;
}

const LOOPBACK: readonly ResolvedAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];
const MESSAGES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'The host name does not exist in DNS.',
  ENODATA: 'The host name has no address in DNS.',
  ETIMEOUT: "The host's DNS servers did not answer in time.",
  ESERVFAIL: "The host's DNS servers failed to answer.",
};

/**
 * Asks DNS itself: `dns.lookup` shares libuv's few threads with argon2, where queued hashes delay it by seconds. So
 * /etc/hosts is deliberately not read; `localhost` and its subdomains are loopback (RFC 6761), for the policy to judge.
 */
export class DnsHostResolver extends HostResolver {
  /** @param servers `address:port`s to ask instead of the system's DNS servers */
  constructor(private readonly servers: readonly string[] | null = null) {
    super();
  }

  async resolve(hostname: string, signal: AbortSignal): Promise<ResolvedAddress[]> {
    signal.throwIfAborted();
    const name = hostname.replace(/\.$/, '').toLowerCase();
    if (name === 'localhost' || name.endsWith('.localhost')) return [...LOOPBACK];
    // One each time (0.03 ms): cancelling ends all that a resolver asked, and a changed resolv.conf is seen.
    const resolver = new Resolver({ timeout: 2_500, tries: 2 });
    if (this.servers) resolver.setServers(this.servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    signal.removeEventListener('abort', cancel);
    signal.throwIfAborted();
    const addresses: ResolvedAddress[] = [
      ...addressesOf(ipv4).map((address) => ({ address, family: 4 as const })),
      ...addressesOf(ipv6).map((address) => ({ address, family: 6 as const })),
    ];
    if (addresses.length === 0) throw failureOf(ipv4, ipv6);
    return addresses;
  }
}

function addressesOf(answer: PromiseSettledResult<string[]>): string[] {
  return answer.status === 'fulfilled' ? answer.value : [];
}

/** A server's failure says more than "no such record": the name may exist after all. */
function failureOf(...answers: PromiseSettledResult<string[]>[]): ResolutionError {
  const causes = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason as unknown);
  const codes = causes.map((cause) => (cause as NodeJS.ErrnoException).code ?? '');
  const known = ['ESERVFAIL', 'ETIMEOUT', 'ENOTFOUND', 'ENODATA'].find((code) => codes.includes(code));
  const message = known ? MESSAGES[known]! : codes.length === 0 ? MESSAGES.ENODATA! : 'DNS could not be asked.';
  return new ResolutionError(message, { cause: causes[0] });
}
