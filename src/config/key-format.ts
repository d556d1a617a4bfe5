import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Published for secret scanners: kind, mode, 12 to look up by, 30 secret, 6 of checksum. */
export const KEY_PATTERN = /^(pk|sk|rk)_(test|live)_([0-9A-Za-z]{12})([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;
/** An admin key: the same three parts, without a mode. */
export const ADMIN_KEY_PATTERN = /^ak_([0-9A-Za-z]{12})([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;

export const PUBLIC_PART_LENGTH = 12;
export const SECRET_PART_LENGTH = 30;
export const CHECKSUM_LENGTH = 6;

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The largest multiple of 62 in a byte: bytes from here on are drawn again, so that every digit is equally likely. */
const UNBIASED_LIMIT = 248;

/** A non-negative integer in base62 (`0-9A-Za-z` in this order), padded left with `0` to `length`. */
export function base62(value: number, length = 1): string {
  let digits = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) digits = DIGITS[rest % 62]! + digits;
  return digits.padStart(length, '0');
}

/** The last six characters of a key: CRC-32 (IEEE) of the ASCII before them, in base62. */
export function keyChecksum(asciiBefore: string): string {
  return base62(crc32(Buffer.from(asciiBefore, 'latin1')), CHECKSUM_LENGTH);
}

/** Whether the key's checksum is right: a made-up key dies here, without a look-up. It proves nothing else. */
export function hasValidChecksum(key: string): boolean {
  return key.length > CHECKSUM_LENGTH && keyChecksum(key.slice(0, -CHECKSUM_LENGTH)) === key.slice(-CHECKSUM_LENGTH);
}

/** `length` base62 digits from the system's generator, each equally likely (5.95 bits a digit). */
export function makeKeySecret(length: number): string {
  let secret = '';
  while (secret.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < UNBIASED_LIMIT && secret.length < length) secret += DIGITS[byte % 62]!;
    }
  }
  return secret;
}

export function makeAdminKey(): string {
  const before = `ak_${makeKeySecret(PUBLIC_PART_LENGTH + SECRET_PART_LENGTH)}`;
  return before + keyChecksum(before);
}
