import { createHmac } from 'node:crypto';
import type { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import type { AppConfig } from '../../config/app-config.js';
import { ClientTokenSigner } from './client-token-signer.js';

const TENANT = { accountId: '01890000-0000-7000-8000-000000000001', mode: 'test' } as const;
const NOW = new Date('2026-11-02T20:00:00.000Z');
const IN_A_MINUTE = new Date('2026-11-02T20:01:00.000Z');
const [FIRST, SECOND] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

function signerOf(...keys: Buffer[]): ClientTokenSigner {
  const keyPeppers = keys.map((key, index) => ({ id: `p${index}`, key }));
  return new ClientTokenSigner({ keyPeppers } as unknown as AppConfig, Object.assign(new Clock(), { now: () => now }));
}
let now = NOW;

function outcome(signer: ClientTokenSigner, token: string | undefined, tenant: object = TENANT): string {
  try {
    return signer.verify(tenant as typeof TENANT, token);
  } catch (error) {
    return (error as AppError).code;
  }
}

describe('ClientTokenSigner', () => {
  const signer = signerOf(FIRST);
  const token = signer.sign(TENANT, 'col_1', IN_A_MINUTE);
  beforeEach(() => (now = NOW));

  it('gives back the operation of its own tokens, of the shortest and the longest id', () => {
    for (const id of ['1', 'col_1', `${'x'.repeat(127)}:`]) {
      const made = signer.sign(TENANT, id, IN_A_MINUTE);
      expect(made.length).toBeLessThanOrEqual(226);
      expect(outcome(signer, made)).toBe(id);
    }
  });

  it('refuses a token whose claims or signature were changed, in any character', () => {
    const bytesOf = (text: string) => text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
    for (let index = 3; index < token.length; index += 1) {
      const other = token[index] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, index) + other + token.slice(index + 1);
      // The last character of a part has bits that mean nothing.
      const isSame = bytesOf(changed.slice(3)).join() === bytesOf(token.slice(3)).join();
      expect([index, outcome(signer, changed)]).toEqual([index, isSame ? 'col_1' : 'invalid_client_token']);
    }
    const [claims = '', mac = ''] = token.slice(3).split('.');
    const later = Buffer.from(claims, 'base64url');
    later.writeUIntBE(2 ** 40, 0, 6);
    expect(outcome(signer, `ct_${later.toString('base64url')}.${mac}`)).toBe('invalid_client_token');
    expect(outcome(signer, `ct_${claims}.${Buffer.alloc(32).toString('base64url')}`)).toBe('invalid_client_token');
  });

  it.each([undefined, '', 'ct_', 'x', 'ct_.', `${'A'.repeat(100_000)}`, 'ct_AAAA.AAAA', `ct_${'A'.repeat(10)}`])(
    'refuses what is no token (%#)',
    (text) => expect(outcome(signer, text)).toBe('invalid_client_token'),
  );

  it('is bound to account and mode', () => {
    expect(outcome(signer, token, { ...TENANT, mode: 'live' })).toBe('invalid_client_token');
    const accountId = TENANT.accountId.replace(/1$/, '2');
    expect(outcome(signer, token, { ...TENANT, accountId })).toBe('invalid_client_token');
  });

  it('ends with its last second', () => {
    now = new Date(IN_A_MINUTE.getTime() - 1);
    expect(outcome(signer, token)).toBe('col_1');
    now = IN_A_MINUTE;
    expect(outcome(signer, token)).toBe('client_token_expired');
  });

  it('signs under the first pepper and verifies under any that is configured', () => {
    const rotated = signerOf(SECOND, FIRST);
    expect(outcome(rotated, token)).toBe('col_1');
    expect(outcome(signer, rotated.sign(TENANT, 'col_1', IN_A_MINUTE))).toBe('invalid_client_token');
    expect(outcome(signerOf(SECOND), token)).toBe('invalid_client_token');
  });

  it('derives its keys: what the pepper itself signs is forged', () => {
    const claims = Buffer.from(token.slice(3).split('.')[0]!, 'base64url');
    const { accountId, mode } = TENANT;
    const mac = createHmac('sha256', FIRST).update(`${accountId}\n${mode}\n`).update(claims).digest('base64url');
    expect(outcome(signer, `ct_${claims.toString('base64url')}.${mac}`)).toBe('invalid_client_token');
  });
});
