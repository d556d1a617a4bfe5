import type { Mode } from '../auth/caller.js';
import { judgeAddresses, judgeUrl, makeUrlPolicy } from './url-policy.js';

const closed = makeUrlPolicy([], [443, 8443]);
const opened = makeUrlPolicy(['127.0.0.0/8', '::1/128'], [443, 8443]);

function ruleOf(url: string, mode: Mode, policy = closed): string {
  return judgeUrl(url, mode, policy).violation?.rule ?? 'allowed';
}

describe('judgeUrl', () => {
  it.each([
    ['https://shop.example/hook?a=1', 'allowed', 'allowed'],
    ['https://shop.example:8443/hook', 'allowed', 'allowed'],
    ['http://shop.example/hook', 'scheme', 'allowed'],
    ['http://shop.example:8443/hook', 'scheme', 'allowed'],
    ['https://shop.example:9000/hook', 'port', 'port'],
    ['https://shop.example:22/', 'port', 'port'],
    ['https://user@shop.example/', 'user_info', 'user_info'],
    ['https://:pass@shop.example/', 'user_info', 'user_info'],
    ['https://shop.example/#part', 'fragment', 'fragment'],
    ['https://shop.example/#', 'fragment', 'fragment'],
    ['https://8.8.8.8/', 'ip_literal', 'ip_literal'],
    ['https://[2606:4700::1]/', 'ip_literal', 'ip_literal'],
    ['ftp://shop.example/', 'scheme', 'scheme'],
    ['file:///etc/passwd', 'scheme', 'scheme'],
    ['javascript:alert(1)', 'scheme', 'scheme'],
    ['shop.example/hook', 'malformed', 'malformed'],
    ['', 'malformed', 'malformed'],
    ['https://', 'malformed', 'malformed'],
    ['https://shop example/', 'malformed', 'malformed'],
    [`https://shop.example/${'a'.repeat(2028)}`, 'length', 'length'],
    [`https://shop.example/${'é'.repeat(1000)}`, 'length', 'length'],
  ])('judges %s in live mode: %s, in test mode: %s', (url, live, test) => {
    expect([ruleOf(url, 'live'), ruleOf(url, 'test')]).toEqual([live, test]);
  });

  it.each([
    'https://0x7f.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://①②⑦.⓪.⓪.①/',
    'https://127。0。0。1/',
    'https://127.0\t.0.1/',
    'https://%31%32%37.0.0.1/',
    'https://127.1./',
    'https://[::ffff:127.0.0.1]/',
    'https://[::1]/',
  ])('knows %j as the address it is', (url) => {
    expect([ruleOf(url, 'live'), ruleOf(url, 'test'), ruleOf(url, 'live', opened)]).toEqual(
      Array(3).fill('ip_literal'),
    );
  });

  it('gives the parsed URL, whose href is the one to keep', () => {
    expect(judgeUrl('HTTPS://Shop.EXAMPLE:443/a/../hook\t', 'live', closed).url?.href).toBe(
      'https://shop.example/hook',
    );
  });

  it('opens literals, ports and names of an opened range in test mode only', () => {
    expect(ruleOf('http://127.0.0.1:4000/', 'test', opened)).toBe('allowed');
    expect(ruleOf('http://[::1]:4000/', 'test', opened)).toBe('allowed');
    expect(ruleOf('http://localhost:4000/', 'test', opened)).toBe('allowed');
    expect(ruleOf('http://10.0.0.1:4000/', 'test', opened)).toBe('ip_literal');
    expect(ruleOf('https://127.0.0.1/', 'live', opened)).toBe('ip_literal');
    expect(ruleOf('https://localhost:4000/', 'live', opened)).toBe('port');
    expect(ruleOf('https://localhost/', 'live', opened)).toBe('allowed');
  });

  it('never puts an address into its message', () => {
    const { violation } = judgeUrl('https://10.1.2.3/', 'live', closed);
    expect(violation?.message).not.toMatch(/\d+\.\d+/);
  });
});

describe('judgeAddresses', () => {
  const usual = new URL('https://shop.example/hook');
  const otherPort = new URL('http://shop.example:4000/hook');

  it('refuses a name when any one of its addresses is forbidden', () => {
    expect(judgeAddresses(usual, ['8.8.8.8', '10.0.0.1'], 'live', closed)?.rule).toBe('address');
    expect(judgeAddresses(usual, ['8.8.8.8', '::1'], 'test', closed)?.rule).toBe('address');
    expect(judgeAddresses(usual, ['8.8.8.8', '2606:4700::1'], 'live', closed)).toBeNull();
  });

  it('opens addresses of an opened range in both modes, other ports in test mode alone', () => {
    expect(judgeAddresses(usual, ['127.0.0.1'], 'live', opened)).toBeNull();
    expect(judgeAddresses(otherPort, ['127.0.0.1', '::1'], 'test', opened)).toBeNull();
    expect(judgeAddresses(otherPort, ['127.0.0.1'], 'live', opened)?.rule).toBe('port');
  });

  it('keeps other ports closed for a name outside the opened ranges', () => {
    expect(judgeAddresses(otherPort, ['8.8.8.8'], 'test', opened)?.rule).toBe('port');
    expect(judgeAddresses(otherPort, ['127.0.0.1', '8.8.8.8'], 'test', opened)?.rule).toBe('port');
  });
});
