import {
  isEd25519Secret,
  isPrintableSecret,
  isStandardSecret,
  newEd25519Pair,
  newSharedSecret,
  publicKeyOf,
} from './endpoint-secret.js';

const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');

describe('endpoint secrets', () => {
  it('makes shared secrets of 32 random bytes that `standard` takes', () => {
    const [a, b] = [newSharedSecret(), newSharedSecret()];
    expect(Buffer.from(a.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect(a).not.toBe(b);
    expect(isStandardSecret(a)).toBe(true);
  });

  it('makes ed25519 pairs whose public key is the second half of the private one', () => {
    const { secret, publicKey } = newEd25519Pair();
    expect(isEd25519Secret(secret)).toBe(true);
    expect(publicKeyOf(secret)).toBe(publicKey);
  });

  it('refuses an ed25519 key whose halves do not belong together', () => {
    const halves = [newEd25519Pair(), newEd25519Pair()].map(({ secret }) => Buffer.from(secret.slice(5), 'base64'));
    const mixed = Buffer.concat([halves[0]!.subarray(0, 32), halves[1]!.subarray(32)]);
    expect(isEd25519Secret(`whsk_${mixed.toString('base64')}`)).toBe(false);
    expect(isEd25519Secret(newSharedSecret())).toBe(false);
  });

  it.each([
    [`whsec_${base64(24)}`, true],
    [`whsec_${base64(64)}`, true],
    [`whsec_${base64(23)}`, false],
    [`whsec_${base64(65)}`, false],
    [base64(32), false],
    [`whsec_${base64(32)}!`, false],
    ['whsec_', false],
  ])('takes %s for `standard`: %s', (secret, isTaken) => {
    expect(isStandardSecret(secret)).toBe(isTaken);
  });

  it.each([
    ['a'.repeat(16), true],
    ['a'.repeat(256), true],
    ['a'.repeat(15), false],
    ['a'.repeat(257), false],
    [`${'a'.repeat(16)}\n`, false],
    ['é'.repeat(16), false],
  ])('takes %j as printable: %s', (secret, isTaken) => {
    expect(isPrintableSecret(secret)).toBe(isTaken);
  });
});
