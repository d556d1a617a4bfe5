import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/app-config.js';
import type { Tenant } from '../caller.js';

const FORM = /^ct_([0-9A-Za-z_-]{10,179})\.([0-9A-Za-z_-]{43})$/;
const LONGEST_TOKEN = 'ct_'.length + 179 + '.'.length + 43;
const EXPIRY_BYTES = 6;
/** Names the purpose, so that what the same peppers make elsewhere is worth nothing here. */
const DERIVATION = 'signalpost client tokens v1';

/**
 * Client tokens: `ct_<expiry and operation>.<HMAC-SHA256>`, both parts base64url. Account and mode are signed and not
 * told: they are those of the public key that comes with the token. The keys are derived (HKDF-SHA256) from
 * `KEY_PEPPERS`: the first one signs, all of them verify.
 */
@Injectable()
export class ClientTokenSigner {
  private readonly keys: readonly KeyObject[];

  constructor(
    config: AppConfig,
    private readonly clock: Clock,
  ) {
    this.keys = config.keyPeppers.map(({ key }) =>
      createSecretKey(Buffer.from(hkdfSync('sha256', key, '', DERIVATION, 32))),
    );
  }

  /** A token for one operation, good until `expiresAt` in whole seconds. */
  sign(tenant: Tenant, operationId: string, expiresAt: Date): string {
    const claims = Buffer.alloc(EXPIRY_BYTES + Buffer.byteLength(operationId));
    claims.writeUIntBE(Math.floor(expiresAt.getTime() / 1_000), 0, EXPIRY_BYTES);
    claims.write(operationId, EXPIRY_BYTES);
    return `ct_${claims.toString('base64url')}.${macOf(this.keys[0]!, tenant, claims).toString('base64url')}`;
  }

  /**
   * The operation that the token is for, to a caller of this account and mode.
   * @throws AppError `invalid_client_token`; `client_token_expired` only once the token proved genuine.
   */
  verify(tenant: Tenant, token: string | undefined): string {
    const [, claimsText, macText] = (token && token.length <= LONGEST_TOKEN && FORM.exec(token)) || [];
    if (claimsText === undefined || macText === undefined) throw new AppError('invalid_client_token');
    const claims = Buffer.from(claimsText, 'base64url');
    const mac = Buffer.from(macText, 'base64url');
    if (!this.keys.some((key) => timingSafeEqual(macOf(key, tenant, claims), mac))) {
      throw new AppError('invalid_client_token');
    }
    const expiresAtMs = claims.readUIntBE(0, EXPIRY_BYTES) * 1_000;
    if (this.clock.now().getTime() >= expiresAtMs) throw new AppError('client_token_expired');
    return claims.toString('utf8', EXPIRY_BYTES);
  }
}

/** Account and mode have one length each and the claims come last, so that no two triples give the same bytes. */
function macOf(key: KeyObject, { accountId, mode }: Tenant, claims: Buffer): Buffer {
  return createHmac('sha256', key).update(`${accountId}\n${mode}\n`).update(claims).digest();
}
