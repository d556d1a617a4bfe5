import { isIP } from 'node:net';
import type { Mode } from '../auth/caller.js';
import { type AddressRange, isForbiddenAddress, isInRanges, parseRanges } from './sending/address-ranges.js';

export const MAX_URL_LENGTH = 2048;

export type UrlRule = 'length' | 'malformed' | 'scheme' | 'user_info' | 'fragment' | 'port' | 'ip_literal' | 'address';

/** Why a request may not go somewhere. `message` is for the merchant, so it never holds an address. */
export interface UrlViolation {
  readonly rule: UrlRule;
  readonly message: string;
}

/** What the configuration says about destinations. */
export interface UrlPolicy {
  /** Ranges whose addresses are open; in test mode with every port, and as literals. */
  readonly openedRanges: readonly AddressRange[];
  readonly ports: ReadonlySet<number>;
}

export type UrlJudgement =
  { readonly url: URL; readonly violation: null } | { readonly url: null; readonly violation: UrlViolation };

const MESSAGES: Record<UrlRule, string> = {
  length: `Use a URL of up to ${MAX_URL_LENGTH} characters.`,
  malformed: 'Use an absolute URL such as https://shop.example/webhooks.',
  scheme: 'Use https. (Test mode takes http too.)',
  user_info: 'Leave user name and password out of the URL; send an Authorization header through `headers` instead.',
  fragment: 'Leave the fragment (from # on) out: it would never be sent.',
  port: 'This port is not open for webhooks; use the default one, or one that the platform allows.',
  ip_literal: 'Use a host name instead of an IP address.',
  address: 'The host has an address that is private, reserved or otherwise not on the public internet.',
};

/**
 * @param cidrs `WEBHOOK_ALLOWED_PRIVATE_CIDRS`
 * @param ports `WEBHOOK_ALLOWED_PORTS`
 */
export function makeUrlPolicy(cidrs: readonly string[], ports: readonly number[]): UrlPolicy {
  return { openedRanges: parseRanges(cidrs), ports: new Set([443, ...ports]) };
}

/**
 * Judges all that a URL shows without asking DNS. Only the parsed form counts (`new URL` turns `0x7f.1` into 127.0.0.1
 * and drops tabs): keep the result's `href` and never parse the given string again by other means.
 */
export function judgeUrl(given: string, mode: Mode, policy: UrlPolicy): UrlJudgement {
  if (given.length > MAX_URL_LENGTH) return refuse('length');
  if (!URL.canParse(given)) return refuse('malformed');
  const url = new URL(given);
  if (url.href.length > MAX_URL_LENGTH) return refuse('length');
  if (url.protocol !== 'https:' && !(mode === 'test' && url.protocol === 'http:')) return refuse('scheme');
  if (url.username !== '' || url.password !== '') return refuse('user_info');
  // `URL` cannot tell "no fragment" from an empty one.
  if (url.hash !== '' || url.href.endsWith('#')) return refuse('fragment');
  if (hostAddress(url) !== null) {
    const violation = judgeLiteral(url, mode, policy);
    if (violation !== null) return { url: null, violation };
  } else if (!isUsualPort(url, mode, policy) && !mayOpenPorts(mode, policy)) {
    return refuse('port');
  }
  return { url, violation: null };
}

/**
 * Judges what the URL's host resolved to: one forbidden address condemns them all, for whoever keeps the good ones can
 * be raced. Null when a request may go there.
 */
export function judgeAddresses(
  url: URL,
  addresses: readonly string[],
  mode: Mode,
  policy: UrlPolicy,
): UrlViolation | null {
  if (addresses.some((address) => isForbiddenAddress(address, policy.openedRanges))) return violationOf('address');
  if (isUsualPort(url, mode, policy)) return null;
  const opened = mode === 'test' && addresses.every((address) => isInRanges(address, policy.openedRanges));
  return opened ? null : violationOf('port');
}

/** The IP address that a URL's host is, without brackets; null when it is a name. */
export function hostAddress(url: URL): string | null {
  const bare = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return isIP(bare) === 0 ? null : bare;
}

function judgeLiteral(url: URL, mode: Mode, policy: UrlPolicy): UrlViolation | null {
  const isOpened = mode === 'test' && isInRanges(url.hostname, policy.openedRanges);
  return isOpened ? null : violationOf('ip_literal');
}

function isUsualPort(url: URL, mode: Mode, policy: UrlPolicy): boolean {
  const port = portOf(url);
  return policy.ports.has(port) || (mode === 'test' && port === 80);
}

/** In test mode an opened range opens its ports; whether the host lies in one is known when it is resolved. */
function mayOpenPorts(mode: Mode, policy: UrlPolicy): boolean {
  return mode === 'test' && policy.openedRanges.length > 0;
}

export function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}

function violationOf(rule: UrlRule): UrlViolation {
  return { rule, message: MESSAGES[rule] };
}

function refuse(rule: UrlRule): UrlJudgement {
  return { url: null, violation: violationOf(rule) };
}
