import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeApiKey } from './api-key.js';
import { base62, keyChecksum, makeAdminKey } from '../config/key-format.js';

const GUIDE = readFileSync(join(import.meta.dirname, '../../docs/secret-scanning.md'), 'utf8');
const [, EXPRESSION = ''] = /```\n(.+)\n```/.exec(GUIDE)!;
const [, EXAMPLE = ''] = /\| key \| `(\w+)` \|/.exec(GUIDE)!;

const KEYS = [
  ...(['public', 'secret', 'restricted'] as const).flatMap((kind) =>
    (['test', 'live'] as const).map((mode) => makeApiKey(kind, mode)),
  ),
  makeAdminKey(),
];

function codeIn(language: string): string {
  return new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(GUIDE)![1]!;
}

describe('The guide to finding leaked keys', () => {
  it('gives an expression that finds every kind of key and nothing shorter', () => {
    const text = KEYS.map((key) => `"${key}"`).join(', ');
    expect(text.match(new RegExp(EXPRESSION, 'g'))).toEqual(KEYS);
    for (const key of KEYS) expect(new RegExp(EXPRESSION).test(key.slice(0, -1))).toBe(false);
  });

  it('gives a worked example that is right in every step', () => {
    const before = EXAMPLE.slice(0, -6);
    const number = crc32(before);
    expect(GUIDE).toContain(`| before the checksum | \`${before}\` |`);
    expect(GUIDE).toContain(`| CRC-32 | ${number} = \`0x${number.toString(16)}\` |`);
    expect(EXAMPLE).toBe(before + keyChecksum(before));
    const [, sum = ''] = /\| base 62 \| (.+) = `2tt1Vx` \|/.exec(GUIDE)!;
    const exponents = '⁰¹²³⁴⁵';
    const total = sum.split(' + ').reduce((value, term) => {
      const [digit = '', power = ''] = term.split('·62');
      return value + Number(digit) * (term.includes('·') ? 62 ** (power === '' ? 1 : exponents.indexOf(power)) : 1);
    }, 0);
    expect([total, base62(total, 6)]).toEqual([number, EXAMPLE.slice(-6)]);
  });

  const wrong = KEYS.map((key) => key.slice(0, -1) + (key.endsWith('0') ? '1' : '0'));
  const input = `a=${KEYS.join('\nb: ')}\n${wrong.join(' ')} sk_live_short ${EXAMPLE}\n`;
  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it.each([
    ['Node', process.execPath, ['--input-type=module', '-e', codeIn('js')]],
    ...(hasPython ? [['Python', 'python3', ['-c', codeIn('python')]] as const] : []),
  ] as const)('gives code for %s that finds our keys and drops what has a wrong checksum', (_name, command, args) => {
    const found = spawnSync(command, args, { input, encoding: 'utf8' });
    expect([found.stderr, found.stdout.trim().split('\n')]).toEqual(['', [...KEYS, EXAMPLE]]);
    expect(found.status).toBe(1);
    expect(spawnSync(command, args, { input: wrong.join(' '), encoding: 'utf8' }).status).toBe(0);
  });
});
