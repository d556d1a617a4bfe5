import ipaddr from 'ipaddr.js';
import type { SettingsReader } from './settings-reader.js';

/** A list of CIDRs; with `bareAddresses` a plain address is taken too. */
export function readRanges(reader: SettingsReader, name: string, bareAddresses: boolean): string[] {
  return reader.list(name).filter((part) => {
    if (ipaddr.isValidCIDR(part) || (bareAddresses && ipaddr.isValid(part))) return true;
    reader.report(name, part, bareAddresses ? 'addresses or CIDRs, such as 10.0.0.0/8' : 'CIDRs, such as 10.0.0.0/8');
    return false;
  });
}

export function readPorts(reader: SettingsReader, name: string, fallback: readonly number[]): readonly number[] {
  const parts = reader.list(name);
  if (parts.length === 0) return fallback;
  return parts.flatMap((part) => {
    const port = /^\d{1,5}$/.test(part) ? Number(part) : 0;
    if (port >= 1 && port <= 65_535) return [port];
    reader.report(name, part, 'ports from 1 to 65535, separated by commas');
    return [];
  });
}

/** `PUBLIC_URL` as an origin, without a slash at its end; null when it is not set. */
export function readPublicUrl(reader: SettingsReader): string | null {
  const value = reader.text('PUBLIC_URL');
  if (value === null) return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash;
  if (isOrigin && !url.username && !url.password) return url.origin;
  reader.report('PUBLIC_URL', value.replace(/\/\/[^/]*@/, '//…@'), 'an origin such as https://signalpost.example');
  return null;
}

const TLS_MODES = ['disable', 'no-verify', 'require', 'verify-ca', 'verify-full'];

/** `DATABASE_URL`, unchanged when it is right. What is shown of a wrong one holds no password. */
export function readDatabaseUrl(reader: SettingsReader): string | null {
  const value = reader.text('DATABASE_URL');
  if (value === null) return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === '') {
    const shown = url && url.hostname !== '' ? `${url.protocol}//${url.host}…` : 'text that is no such URL';
    reader.report('DATABASE_URL', shown, 'postgres://user:password@host:5432/database');
    return null;
  }
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !TLS_MODES.includes(mode)) {
    reader.report('DATABASE_URL', `sslmode=${mode}`, `an sslmode of ${TLS_MODES.join(', ')}`);
  }
  return value;
}
