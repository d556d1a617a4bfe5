// `npm run test:browser`: what only a real browser can show, in the Chromium of this machine. Not part of `npm test`.
import { spawnSync } from 'node:child_process';
import { findBrowser } from '../test/browser/find-browser.mjs';
import { prepare } from './prepare.mjs';

prepare();
const browser = findBrowser();
if (browser === null) {
  console.log('No browser found, nothing tested. CHROMIUM_PATH names a Chromium or Chrome elsewhere.');
} else {
  console.log(`With ${browser}:`);
  const { status } = spawnSync(process.execPath, ['--test', 'test/browser/keys.browser.mjs'], {
    stdio: 'inherit',
    env: { ...process.env, CHROMIUM_PATH: browser },
  });
  process.exitCode = status ?? 1;
}
