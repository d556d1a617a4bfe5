/** Greater than every UUIDv7. */
export const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const FIRST_UUID = '00000000-0000-0000-0000-000000000000';

/** The next uuid in PostgreSQL's order: turns a bound that is not included into one that is. */
export function uuidAfter(uuid: string): string {
  return uuid === LAST_UUID ? uuid : moved(uuid, 1n);
}

/** The uuid before it: turns a bound that is included into one that is not. */
export function uuidBefore(uuid: string): string {
  return uuid === FIRST_UUID ? uuid : moved(uuid, -1n);
}

function moved(uuid: string, by: bigint): string {
  const hex = (BigInt(`0x${uuid.replaceAll('-', '')}`) + by).toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
