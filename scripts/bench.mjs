// `npm run bench [-- name …]`: builds what is missing, then runs the benches of bench/ one after another.
import { spawnSync } from 'node:child_process';
import { prepare } from './prepare.mjs';

const BENCHES = ['pipeline', 'keys', 'log-search', 'ingest', 'history'];

prepare();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !BENCHES.includes(name));
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(', ')}. There are: ${BENCHES.join(', ')}.`);
  process.exit(1);
}
for (const name of wanted.length > 0 ? wanted : BENCHES) {
  console.log(`— ${name}`);
  const { status } = spawnSync(process.execPath, [`bench/${name}.mjs`], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
