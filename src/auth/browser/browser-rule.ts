/** The request's headers that tell a page from a server; `undefined` where a header was not sent. */
export interface BrowserHeaders {
  readonly secFetchSite: string | undefined;
  readonly origin: string | undefined;
  readonly host: string | undefined;
}

/**
 * Whether a request comes from a web page that is not this service's own, so that a secret in it is exposed.
 *
 * `Sec-Fetch-Site` decides when present, because no page can set it and no server library sends it; else an `Origin`
 * whose host is neither that of `PUBLIC_URL` nor `Host`. `Sec-Fetch-Mode` means nothing: Node's own fetch sends it.
 */
export function comesFromForeignPage(headers: BrowserHeaders, publicUrl: string | null): boolean {
  if (headers.secFetchSite !== undefined) return headers.secFetchSite !== 'same-origin';
  if (headers.origin === undefined) return false;
  const origin = parseUrl(headers.origin);
  if (!origin) return true;
  if (publicUrl !== null && parseUrl(publicUrl)?.host === origin.host) return false;
  // `Host` names the port only when it is not the scheme's own, as URL.host does once both have the same scheme.
  return headers.host === undefined || parseUrl(`${origin.protocol}//${headers.host}`)?.host !== origin.host;
}

/** Whether a public key's `allowed_origins` lets a request pass: an empty list allows any, and so does no `Origin`. */
export function isOriginAllowed(origin: string | undefined, allowedOrigins: readonly string[]): boolean {
  return origin === undefined || allowedOrigins.length === 0 || allowedOrigins.includes(origin);
}

/** The origin in the one form in which browsers send it (`https://shop.example`), or null when it is none. */
export function normalOrigin(text: string): string | null {
  const url = /^https?:\/\/[^/?#@*\s]+\/?$/i.test(text) ? parseUrl(text) : null;
  return url ? url.origin : null;
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
