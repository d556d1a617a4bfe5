import { ADMIN_KEY_PATTERN, base62, hasValidChecksum, keyChecksum, makeAdminKey, makeKeySecret } from './key-format.js';

describe('key format', () => {
  it('writes base62 with digits first, then capitals, then small letters, padded with 0', () => {
    expect([0, 9, 10, 35, 36, 61, 62].map((value) => base62(value, 2))).toEqual([
      '00',
      '09',
      '0A',
      '0Z',
      '0a',
      '0z',
      '10',
    ]);
  });

  it('takes CRC-32 (IEEE) as the checksum: 0xcbf43926 for the standard check string', () => {
    expect(keyChecksum('123456789')).toBe(base62(0xcbf43926, 6));
    expect(keyChecksum('123456789')).toHaveLength(6);
  });

  it('tells a key with one changed character from the one that was made', () => {
    const key = makeAdminKey();
    expect(hasValidChecksum(key)).toBe(true);
    for (let index = 0; index < key.length; index++) {
      const other = key[index] === 'x' ? 'y' : 'x';
      expect(hasValidChecksum(key.slice(0, index) + other + key.slice(index + 1))).toBe(false);
    }
  });

  it('makes admin keys of the published form, never the same twice', () => {
    const keys = Array.from({ length: 50 }, makeAdminKey);
    expect(keys.every((key) => ADMIN_KEY_PATTERN.test(key))).toBe(true);
    expect(new Set(keys).size).toBe(50);
  });

  it('draws every digit equally often', () => {
    const counts = new Map<string, number>();
    for (const digit of makeKeySecret(62_000)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // 1,000 expected of each, standard deviation 31: a modulo bias would put the first eight at 1,210.
    expect(Math.max(...counts.values())).toBeLessThan(1_190);
  });
});
