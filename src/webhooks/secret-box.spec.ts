import { randomBytes } from 'node:crypto';
import type { AppConfig } from '../config/app-config.js';
import { SecretBox, type SecretPlace } from './secret-box.js';

const oldKey = { id: '2025', key: randomBytes(32) };
const newKey = { id: '2026', key: randomBytes(32) };
const place: SecretPlace = { table: 'webhook_secrets', rowId: 'row-1', accountId: 'account-1', mode: 'live' };

function boxOf(...encryptionKeys: { id: string; key: Buffer }[]): SecretBox {
  return new SecretBox({ encryptionKeys } as unknown as AppConfig);
}

describe('SecretBox', () => {
  it('opens what it sealed, and seals the same text differently each time', () => {
    const box = boxOf(newKey);
    const [a, b] = [box.seal('whsec_é', place), box.seal('whsec_é', place)];
    expect(box.open(a, place)).toBe('whsec_é');
    expect(a.equals(b)).toBe(false);
    expect(a.toString('latin1')).not.toContain('whsec_');
  });

  it.each(['table', 'rowId', 'accountId', 'mode'] as const)('refuses a ciphertext moved to another %s', (part) => {
    const sealed = boxOf(newKey).seal('secret', place);
    expect(() => boxOf(newKey).open(sealed, { ...place, [part]: 'other' })).toThrow(/does not open/);
  });

  it('refuses a value with any one bit changed', () => {
    const sealed = boxOf(newKey, oldKey).seal('secret', place);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => boxOf(newKey, oldKey).open(changed, place)).toThrow();
    }
  });

  it('opens under every configured key, and seals under the first', () => {
    const sealed = boxOf(oldKey).seal('secret', place);
    const rotated = boxOf(newKey, oldKey);
    expect(rotated.open(sealed, place)).toBe('secret');
    expect(rotated.writingKeyId).toBe('2026');
    expect(boxOf(newKey).open(rotated.seal('secret', place), place)).toBe('secret');
  });

  it('says which key is missing', () => {
    const sealed = boxOf(oldKey).seal('secret', place);
    expect(() => boxOf(newKey).open(sealed, place)).toThrow(/sealed under 2025/);
  });

  it('refuses an empty and a truncated value', () => {
    expect(() => boxOf(newKey).open(Buffer.alloc(0), place)).toThrow();
    expect(() => boxOf(newKey).open(boxOf(newKey).seal('secret', place).subarray(0, 20), place)).toThrow();
  });
});
