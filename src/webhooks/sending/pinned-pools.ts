import { buildConnector } from 'undici';
import type { Mode } from '../../auth/caller.js';
import { type HostResolver, ResolutionError, type ResolvedAddress } from './host-resolver.js';
import { OriginConnections } from './origin-connections.js';
import { connectFailure, SendFailure } from './send-failure.js';
import { MAX_TIMEOUT_MS } from '../endpoint-rules.js';
import { hostAddress, judgeAddresses, type UrlPolicy } from '../url-policy.js';

/** A request's own deadline always comes first. */
const CONNECT_TIMEOUT_MS = MAX_TIMEOUT_MS;
/** While other addresses of the name are left to try. */
const FIRST_CONNECT_TIMEOUT_MS = 4_000;
/** Of a name with more addresses only the first are tried, lest one attempt knock at a hundred doors. */
const MAX_DIALED_ADDRESSES = 4;
const MAX_POOLS = 1_000;
const IDLE_POOL_MS = 60_000;
const SWEEP_MS = 10_000;

interface Entry {
  readonly connections: OriginConnections;
  usedAtMs: number;
}

/**
 * The connections of each origin, in one mode. Each new connection resolves the name once, vets every address, and
 * goes to a vetted one (TLS and `Host` keep the name), so that a second DNS answer can never redirect it.
 */
export class PinnedPools {
  private readonly entries = new Map<string, Entry>();
  private sweptAtMs = 0;

  constructor(
    private readonly mode: Mode,
    private readonly policy: UrlPolicy,
    private readonly resolver: HostResolver,
  ) {}

  /** @param url already judged by `judgeUrl` */
  connectionsTo(url: URL, origin: string): OriginConnections {
    const nowMs = performance.now();
    this.sweep(nowMs);
    const known = this.entries.get(origin);
    if (known) {
      known.usedAtMs = nowMs;
      return known.connections;
    }
    const connections = new OriginConnections(origin, this.connectorTo(new URL(url.origin)));
    this.entries.set(origin, { connections, usedAtMs: nowMs });
    return connections;
  }

  async destroy(): Promise<void> {
    const all = [...this.entries.values()].map(({ connections }) => connections);
    this.entries.clear();
    await Promise.all(all.map((connections) => connections.destroy()));
  }

  private connectorTo(origin: URL): buildConnector.connector {
    const dial = buildConnector({ timeout: CONNECT_TIMEOUT_MS });
    const dialFirst = buildConnector({ timeout: FIRST_CONNECT_TIMEOUT_MS });
    return (options, callback) => {
      this.vettedAddresses(origin)
        .then((addresses) => dialInTurn(addresses.slice(0, MAX_DIALED_ADDRESSES), options, dialFirst, dial))
        .then(
          (socket) => callback(null, socket),
          (error: Error) => callback(error, null),
        );
    };
  }

  private async vettedAddresses(origin: URL): Promise<ResolvedAddress[]> {
    const addresses = await this.resolve(origin);
    const texts = addresses.map(({ address }) => address);
    const violation = judgeAddresses(origin, texts, this.mode, this.policy);
    if (violation !== null) throw new SendFailure('policy', violation.message);
    return addresses;
  }

  private async resolve(origin: URL): Promise<ResolvedAddress[]> {
    const literal = hostAddress(origin);
    if (literal !== null) return [{ address: literal, family: literal.includes(':') ? 6 : 4 }];
    try {
      return await this.resolver.resolve(origin.hostname, AbortSignal.timeout(CONNECT_TIMEOUT_MS));
    } catch (error) {
      const message = error instanceof ResolutionError ? error.message : 'DNS did not answer in time.';
      throw new SendFailure('dns', message, { cause: error });
    }
  }

  /** Closing lets requests under way finish; an idle pool has no sockets left, only memory. */
  private sweep(nowMs: number): void {
    if (this.entries.size < MAX_POOLS && nowMs - this.sweptAtMs < SWEEP_MS) return;
    this.sweptAtMs = nowMs;
    for (const [origin, entry] of this.entries) {
      if (nowMs - entry.usedAtMs > IDLE_POOL_MS) this.close(origin, entry);
    }
    if (this.entries.size < MAX_POOLS) return;
    const byAge = [...this.entries].sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
    // A tenth at once, so that more origins than MAX_POOLS do not mean a sort for each request.
    for (const [origin, entry] of byAge.slice(0, MAX_POOLS / 10)) this.close(origin, entry);
  }

  private close(origin: string, entry: Entry): void {
    this.entries.delete(origin);
    entry.connections.close();
  }
}

type Socket = Parameters<Parameters<buildConnector.connector>[1]>[1] & object;

/** Tries the vetted addresses in their order; the failure of the last one is the answer. */
async function dialInTurn(
  addresses: readonly ResolvedAddress[],
  options: buildConnector.Options,
  dialFirst: buildConnector.connector,
  dialLast: buildConnector.connector,
): Promise<Socket> {
  let failure: SendFailure | null = null;
  for (const [index, { address }] of addresses.entries()) {
    const isLast = index === addresses.length - 1;
    try {
      return await dialOne(address, options, isLast ? dialLast : dialFirst);
    } catch (error) {
      failure = connectFailure(error);
      // Another address of the same name would show the same certificate.
      if (failure.code === 'tls') break;
    }
  }
  throw failure ?? new SendFailure('dns', 'The host name has no address.');
}

/** `options.host` stays the name, from which the connector takes the TLS server name; only the target is pinned. */
function dialOne(address: string, options: buildConnector.Options, dial: buildConnector.connector): Promise<Socket> {
  return new Promise((resolve, reject) => {
    dial({ ...options, hostname: address }, (error, socket) => {
      if (socket) resolve(socket);
      else reject(error ?? new Error('No socket'));
    });
  });
}
