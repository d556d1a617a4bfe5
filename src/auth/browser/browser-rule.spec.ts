import { comesFromForeignPage, isOriginAllowed, normalOrigin } from './browser-rule.js';

const HOST = 'api.signalpost.example';

describe('comesFromForeignPage', () => {
  const cases: [string, { site?: string; origin?: string; host?: string; publicUrl?: string }, boolean][] = [
    ['a server sends neither header', {}, false],
    ['Sec-Fetch-Site same-origin is our own page', { site: 'same-origin', origin: 'https://elsewhere.example' }, false],
    ['Sec-Fetch-Site same-site is another page', { site: 'same-site' }, true],
    ['Sec-Fetch-Site cross-site is another page', { site: 'cross-site' }, true],
    ['Sec-Fetch-Site none is not same-origin', { site: 'none' }, true],
    ['Sec-Fetch-Site decides against a good Origin', { site: 'cross-site', origin: `https://${HOST}` }, true],
    ['Origin of Host is our own page', { origin: `https://${HOST}` }, false],
    ['Origin of Host behind a proxy that ends TLS', { origin: `http://${HOST}` }, false],
    ['Origin of another host', { origin: 'https://shop.example' }, true],
    ['Origin of a subdomain of Host', { origin: `https://evil.${HOST}` }, true],
    ['Origin null of a sandboxed frame or a file', { origin: 'null' }, true],
    ['Origin of Host on another port', { origin: `https://${HOST}:8443` }, true],
    ['Origin and Host on one port', { origin: 'http://localhost:3000', host: 'localhost:3000' }, false],
    ['Host that names the default port', { origin: `https://${HOST}`, host: `${HOST}:443` }, false],
    ['Host in capitals', { origin: `https://${HOST}`, host: HOST.toUpperCase() }, false],
    [
      'Origin of PUBLIC_URL while Host is internal',
      { origin: `https://${HOST}`, host: '10.0.0.7:3000', publicUrl: `https://${HOST}/api` },
      false,
    ],
    ['Origin of neither PUBLIC_URL nor Host', { origin: 'https://shop.example', publicUrl: `https://${HOST}` }, true],
    ['Origin that is no URL', { origin: 'shop' }, true],
  ];
  it.each(cases)('%s', (_name, { site, origin, host = HOST, publicUrl }, foreign) => {
    expect(comesFromForeignPage({ secFetchSite: site, origin, host }, publicUrl ?? null)).toBe(foreign);
  });

  it('takes an Origin without any Host for a foreign page', () => {
    const headers = { secFetchSite: undefined, origin: `https://${HOST}`, host: undefined };
    expect(comesFromForeignPage(headers, null)).toBe(true);
  });
});

describe('isOriginAllowed', () => {
  const allowed = ['https://shop.example'];
  it('allows any origin when the list is empty, and a request without Origin always', () => {
    expect(isOriginAllowed('https://any.example', [])).toBe(true);
    expect(isOriginAllowed(undefined, allowed)).toBe(true);
  });

  it('compares whole origins: scheme, host and port', () => {
    expect(isOriginAllowed('https://shop.example', allowed)).toBe(true);
    for (const origin of ['http://shop.example', 'https://shop.example:8443', 'https://a.shop.example', 'null']) {
      expect(isOriginAllowed(origin, allowed)).toBe(false);
    }
  });
});

describe('normalOrigin', () => {
  it('gives the form that browsers send', () => {
    expect(normalOrigin('HTTPS://Shop.Example:443/')).toBe('https://shop.example');
    expect(normalOrigin('http://localhost:5173')).toBe('http://localhost:5173');
  });

  it.each([
    'https://shop.example/path',
    'https://user@shop.example',
    'ftp://shop.example',
    'shop.example',
    '*',
    'https://*.shop.example',
    'null',
    '',
  ])('refuses %p', (text) => expect(normalOrigin(text)).toBeNull());
});
