import { HostResolver, ResolutionError, type ResolvedAddress } from '../../src/webhooks/sending/host-resolver.js';
import type { Service } from './service.js';

/** DNS as a test says: names that it does not know do not exist. */
export class FakeDns {
  readonly addresses = new Map<string, string[]>();

  /** Takes the place of `service`'s resolver. */
  answerFor(service: Service): void {
    service.app.get(HostResolver, { strict: false }).resolve = (hostname) => this.resolve(hostname);
  }

  private async resolve(hostname: string): Promise<ResolvedAddress[]> {
    const addresses = this.addresses.get(hostname);
    if (!addresses) throw new ResolutionError('The host name does not exist in DNS.');
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  }
}
