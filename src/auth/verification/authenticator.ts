import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { RepeatedWarning } from '../../common/repeated-warning.js';
import type { AuthenticatedRequest } from '../authenticated-request.js';
import { RateLimits, TOO_MANY_FAILURES } from '../limits/rate-limits.js';
import { AdminKeyVerifier } from './admin-key-verifier.js';
import type { Credential } from './credential.js';
import { KeyVerifier } from './key-verifier.js';
import { type Presented, readPresentedKey } from './presented-key.js';
import { assertUsable, type VerifiedKey } from './verified-key.js';

// Made once: a flood of bad keys is told nothing else, and an error's stack costs more than all that was checked.
const MISSING_KEY = new AppError('missing_api_key', undefined, { headers: challenge() });
const INVALID_KEY = new AppError('invalid_api_key', undefined, { headers: challenge('error="invalid_token"') });

/** From the text of `Authorization` to a proved credential, in the order of checks that keeps strangers cheap. */
@Injectable()
export class Authenticator {
  private readonly flood: RepeatedWarning;

  constructor(
    private readonly keys: KeyVerifier,
    private readonly adminKeys: AdminKeyVerifier,
    private readonly limits: RateLimits,
    private readonly clock: Clock,
  ) {
    const logger = new Logger(Authenticator.name);
    this.flood = new RepeatedWarning((message) => logger.warn(message), clock);
  }

  /**
   * `authenticate` for a request, on which the credential stands as soon as it proved right. Where its address sends
   * wrong keys too fast, it is only counted, and a warning tells of them all.
   */
  authenticateRequest(request: AuthenticatedRequest): Credential | Promise<Credential> {
    request.presented ??= presentedBy(request);
    const refuse = (error: unknown): never => {
      if (error === TOO_MANY_FAILURES) this.onlyCount(request);
      throw error;
    };
    try {
      const credential = this.authenticate(request.presented);
      return credential instanceof Promise ? credential.catch(refuse) : credential;
    } catch (error) {
      return refuse(error);
    }
  }

  /**
   * A credential that is proved and may be used. Answers at once for keys that this process remembers, so that the
   * warm path makes no promise.
   * @throws AppError `missing_api_key`, `invalid_api_key`, what `assertUsable` throws, `rate_limited`, `unavailable`.
   */
  authenticate(presented: Presented): Credential | Promise<Credential> {
    const text = bearerToken(presented.authorization);
    if (text.startsWith('ak_')) {
      const name = this.adminKeys.nameOf(text);
      if (name === null) return this.refuse(presented.ip);
      const credential: Credential = { kind: 'admin', name };
      presented.onProved?.(credential);
      return credential;
    }
    const key = (presented.key ??= readPresentedKey(text));
    if (!key) return this.refuse(presented.ip);
    const remembered = this.keys.recall(key);
    if (remembered) return this.usable(remembered, presented);
    if (this.keys.wasRefused(key)) return this.refuse(presented.ip);
    // A good key that was proved here before passes however many bad ones its address has sent.
    if (!this.keys.wasProven(key)) this.limits.assertMayAuthenticate(presented.ip);
    return this.keys
      .prove(key)
      .then((verified) => (verified ? this.usable(verified, presented) : this.refuse(presented.ip)));
  }

  private usable(key: VerifiedKey, presented: Presented): VerifiedKey {
    presented.onProved?.(key);
    assertUsable(key, this.clock.monotonicMs(), presented.ip, presented.origin);
    return key;
  }

  private onlyCount(request: AuthenticatedRequest): void {
    request.isOnlyCounted = true;
    this.flood.warn(`${request.ip} sends wrong keys too fast: it is answered 429, without a line for each request.`);
  }

  private refuse(ip: string): never {
    this.limits.countFailedAuthentication(ip);
    throw INVALID_KEY;
  }
}

function presentedBy(request: AuthenticatedRequest): Presented {
  const { authorization, origin } = request.headers;
  const onProved = (proved: Credential): void => {
    request.credential = proved;
  };
  return { authorization, origin, ip: request.ip, onProved };
}

function bearerToken(authorization: string | undefined): string {
  const token = authorization && /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (token) return token;
  throw MISSING_KEY;
}

/** RFC 6750, section 3: every 401 names the scheme. */
function challenge(parameters = ''): Record<string, string> {
  return { 'www-authenticate': `Bearer realm="signalpost"${parameters && `, ${parameters}`}` };
}
