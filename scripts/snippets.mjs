// `npm run test:snippets`: takes the verify snippets out of docs/webhooks.md and runs each whose language is on this
// machine against what it must accept and what it must refuse, signed by the service's own code.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { DRIVERS, SIGNATURE_HEADERS } from './snippet-drivers.mjs';

prepare();
const { signRequest, toSigningKey } = await import('../dist/src/webhooks/signature.js');
const { newSecretFor, publicKeyOf } = await import('../dist/src/webhooks/endpoint-secret.js');

const RUN_TIMEOUT_MS = 120_000;
const BODY = Buffer.from(
  '{"id":"evt_1","type":"collect.failed","operation":{"amount":1000,"customer":{"name":"Adjoua é 😀"}}}',
);
const NOW = Math.floor(Date.now() / 1_000);

/** As [language, scheme, code], in the order of the page. */
function readSnippets() {
  const page = readFileSync('docs/webhooks.md', 'utf8');
  const found = page.matchAll(/<!-- snippet: (\w+) (\w+) -->\n```\w+\n(.*?)\n```/gs);
  return [...found].map(([, language, scheme, code]) => [language, scheme, code]);
}

/** What every verifier is tried with: [name, what it must say, secret that it holds, headers, body]. */
function casesFor(scheme) {
  const [secret, previous, foreign] = Array.from({ length: 3 }, () => newSecretFor(scheme, null).secret);
  const headers = (secrets, timestampSeconds = NOW) =>
    signRequest({
      scheme,
      header: null,
      label: null,
      secrets: secrets.map((each) => toSigningKey(scheme, each)),
      id: `evt_${randomBytes(4).toString('hex')}`,
      timestampSeconds,
      body: BODY,
    });
  const held = scheme === 'ed25519' ? jwksOf(secret) : secret;
  const changed = Buffer.from(BODY.toString().replace('1000', '1001'));
  const { [SIGNATURE_HEADERS[scheme]]: _dropped, ...unsigned } = headers([secret]);
  return [
    ['good', 'accepted', held, headers([secret]), BODY],
    ['good, in a rotation', 'accepted', held, headers([previous, secret]), BODY],
    ['wrong secret', 'refused', held, headers([foreign]), BODY],
    ['changed body', 'refused', held, headers([secret]), changed],
    ['old timestamp', 'refused', held, headers([secret], NOW - 600), BODY],
    ['no signature', 'refused', held, unsigned, BODY],
  ];
}

function jwksOf(secret) {
  const x = Buffer.from(publicKeyOf(secret).slice('whpk_'.length), 'base64').toString('base64url');
  return JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] });
}

/** Whether the language's command is there and works. */
function isThere({ version }) {
  return spawnSync(version[0], version.slice(1), { timeout: RUN_TIMEOUT_MS }).status === 0;
}

function run(driver, folder, scheme, [name, expected, secret, headers, body]) {
  const given = ['webhook-id', 'webhook-timestamp', SIGNATURE_HEADERS[scheme]].map((header) => headers[header] ?? '');
  const [command, ...parameters] = driver.command(folder);
  const { stdout, stderr } = spawnSync(command, [...parameters, secret, ...given, body.toString('base64')], {
    cwd: folder,
    encoding: 'utf8',
    timeout: RUN_TIMEOUT_MS,
  });
  if (stdout.trim() === expected) return true;
  console.error(`  ${name}: must be ${expected}, but: ${stdout.trim() || 'nothing'} ${stderr.trim()}`);
  return false;
}

const snippets = readSnippets();
const missing = Object.keys(DRIVERS).filter((language) => !snippets.some(([each]) => each === language));
let failures = missing.length;
if (missing.length > 0) console.error(`No snippet for ${missing.join(', ')}.`);
const root = mkdtempSync(join(tmpdir(), 'signalpost-snippets-'));
try {
  for (const [language, scheme, code] of snippets) {
    const driver = DRIVERS[language];
    const reason = driver.unsupported ?? (isThere(driver) ? null : 'the language is not on this machine');
    if (reason !== null) {
      console.log(`skipped  ${language} ${scheme}: ${reason}`);
      continue;
    }
    const folder = join(root, `${language}-${scheme}`);
    mkdirSync(folder);
    for (const [file, text] of Object.entries(driver.files(code, scheme))) writeFileSync(join(folder, file), text);
    const built = driver.build && spawnSync(driver.build[0], driver.build.slice(1), { cwd: folder, encoding: 'utf8' });
    if (built && built.status !== 0) console.error(built.stderr);
    const cases = casesFor(scheme);
    const passed = cases.filter((each) => run(driver, folder, scheme, each)).length;
    failures += cases.length - passed;
    console.log(
      `${passed === cases.length ? 'ok      ' : 'FAILED  '} ${language} ${scheme}: ${passed} of ${cases.length}`,
    );
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failures > 0 ? 1 : 0;
