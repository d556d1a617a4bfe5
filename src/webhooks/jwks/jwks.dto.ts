import { createHash } from 'node:crypto';
import { ArrayField, EnumField, StringField } from '../../common/fields.js';
import { ED25519_PUBLIC_PREFIX } from '../endpoint-secret.js';

export class JwkResponse {
  @EnumField({ description: 'The type of key.', example: 'OKP', values: ['OKP'] })
  kty!: 'OKP';

  @EnumField({ description: 'The curve.', example: 'Ed25519', values: ['Ed25519'] })
  crv!: 'Ed25519';

  @StringField({
    description: 'The public key: 32 bytes in base64url.',
    example: 'U2UJBErcEFI1k1rFA9fZP0y0Cn9tLSe-lI0A0qWxGWY',
  })
  x!: string;

  @StringField({
    description: "The key's thumbprint (RFC 7638).",
    example: 'zZQp3hNKbXcNYTKvKJQGbjHgUHnVbIYvOs1eB8CMPpI',
  })
  kid!: string;

  @EnumField({ description: 'What it is for.', example: 'sig', values: ['sig'] })
  use!: 'sig';

  @EnumField({ description: 'The algorithm.', example: 'EdDSA', values: ['EdDSA'] })
  alg!: 'EdDSA';
}

export class JwksResponse {
  @ArrayField(() => JwkResponse, {
    description: 'The keys that sign now, the newest first; two or more while a rotation overlaps.',
    example: [],
  })
  keys!: JwkResponse[];
}

/** @param publicKey `whpk_…` */
export function toJwk(publicKey: string): JwkResponse {
  const x = Buffer.from(publicKey.slice(ED25519_PUBLIC_PREFIX.length), 'base64').toString('base64url');
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' };
}
