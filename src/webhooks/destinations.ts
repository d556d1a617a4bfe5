import { Injectable } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';
import type { FieldError } from '../common/app-error.js';
import { AppConfig } from '../config/app-config.js';
import { HostResolver } from './sending/host-resolver.js';
import {
  hostAddress,
  judgeAddresses,
  judgeUrl,
  makeUrlPolicy,
  type UrlPolicy,
  type UrlViolation,
} from './url-policy.js';

const RESOLUTION_TIMEOUT_MS = 3_000;

/** What DNS said of a URL at the time it was given. */
export type Reachability =
  | { readonly outcome: 'resolved' }
  | { readonly outcome: 'unresolvable' }
  | { readonly outcome: 'forbidden'; readonly violation: UrlViolation };

/** Judges the URLs that merchants give. The same rules are applied again to every request that is sent. */
@Injectable()
export class Destinations {
  private readonly policy: UrlPolicy;

  constructor(
    config: AppConfig,
    private readonly resolver: HostResolver,
  ) {
    this.policy = makeUrlPolicy(config.webhookAllowedPrivateCidrs, config.webhookAllowedPorts);
  }

  /** The normalised URL, or what is wrong with it; DNS is not asked. */
  parse(given: string, mode: Mode): { url: URL; error: null } | { url: null; error: FieldError } {
    const { url, violation } = judgeUrl(given, mode, this.policy);
    return violation === null ? { url, error: null } : { url: null, error: forbidden(violation) };
  }

  /** Asks DNS; it takes up to 3 s, so it never happens inside a transaction. */
  async reach(url: URL, mode: Mode): Promise<Reachability> {
    if (hostAddress(url) !== null) return { outcome: 'resolved' };
    let addresses: string[];
    try {
      const resolved = await this.resolver.resolve(url.hostname, AbortSignal.timeout(RESOLUTION_TIMEOUT_MS));
      addresses = resolved.map(({ address }) => address);
    } catch {
      return { outcome: 'unresolvable' };
    }
    const violation = judgeAddresses(url, addresses, mode, this.policy);
    return violation === null ? { outcome: 'resolved' } : { outcome: 'forbidden', violation };
  }
}

export function forbidden({ message }: UrlViolation): FieldError {
  return { field: 'url', code: 'url_forbidden', message };
}
