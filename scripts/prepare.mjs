// What `npm start` and `npm test` do first on a bare clone: plain Node, since nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuilt } from './sources.mjs';

const OLDEST_NODE = [20, 19];
const INSTALL_STAMP = join('node_modules', '.signalpost-lock');
/** npm writes it at the end of an installation. */
const NPM_STAMP = join('node_modules', '.package-lock.json');

/** Installs when node_modules is missing or older than package-lock.json, builds when dist is not of these sources. */
export function prepare() {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  refuseOldNode();
  // A container image has the build and its packages, and nothing to make them from.
  if (!existsSync('src')) return;
  if (!isInstalled()) {
    refuseLinkedPackages();
    step('Installing packages (npm ci)', () => runNpm(['ci', '--include=dev', '--no-fund', '--no-audit']));
    writeFileSync(INSTALL_STAMP, lockHash());
  }
  if (!isBuilt()) step('Building', () => run(process.execPath, [join('scripts', 'build.mjs')]));
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(`Node ${process.versions.node} is too old: Signalpost needs ${OLDEST_NODE.join('.')} or later.`);
}

function isInstalled() {
  if (!existsSync(NPM_STAMP)) return false;
  if (existsSync(INSTALL_STAMP) && readFileSync(INSTALL_STAMP, 'utf8') === lockHash()) return true;
  return statSync(NPM_STAMP).mtimeMs >= statSync('package-lock.json').mtimeMs;
}

/** npm ci empties the folder first: through a link that would be another clone's. */
function refuseLinkedPackages() {
  if (!lstatSync('node_modules', { throwIfNoEntry: false })?.isSymbolicLink()) return;
  fail(
    'Packages have to be installed anew, but node_modules is a symbolic link: npm ci would empty the folder that it ' +
      `leads to, ${readlinkSync('node_modules')}. Remove the link, or run npm ci where it leads.`,
  );
}

function lockHash() {
  return createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
}

function step(what, work) {
  const startedMs = performance.now();
  console.error(`${what}…`);
  const succeeded = work();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  if (!succeeded) fail(`${what} failed after ${seconds} s; the lines above say why.`);
  console.error(`${what}: done in ${seconds} s.`);
}

/** The npm that runs this script, when one does. */
function runNpm(parameters) {
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js')) return run(process.execPath, [npm, ...parameters]);
  return run('npm', parameters, { shell: process.platform === 'win32' });
}

/** Output goes to standard error: the caller's own output stays clean. */
function run(command, parameters, options = {}) {
  return spawnSync(command, parameters, { stdio: ['ignore', 2, 2], ...options }).status === 0;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
