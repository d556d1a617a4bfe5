/** Greater than every UUIDv7. */
export const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The next uuid in PostgreSQL's order: turns a bound that is not included into one that is. */
export function uuidAfter(uuid: string): string {
  if (uuid === lastUuid) return uuid;
  const hex = (BigInt(`0x${uuid.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
