// `npm run check`: everything but the tests. Each part runs even when an earlier one failed, so that all is told at once.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';

prepare();
const bin = (packageName, file) => [join('node_modules', packageName, file)];
const PARTS = [
  ['format', [...bin('prettier', 'bin/prettier.cjs'), '--check', '--log-level', 'warn', '.']],
  ['lint', [...bin('eslint', 'bin/eslint.js'), '.', '--max-warnings', '0']],
  ['types', [...bin('typescript', 'bin/tsc'), '--noEmit', '-p', 'tsconfig.json']],
  ['import directions', [...bin('dependency-cruiser', 'bin/dependency-cruise.mjs'), '--output-type', 'err', 'src']],
  ['OpenAPI drift', ['scripts/openapi.mjs', '--check']],
  ['migration drift', ['scripts/migration-drift.mjs']],
];

const failed = PARTS.filter(([name, parameters]) => {
  const startedMs = performance.now();
  const { status } = spawnSync(process.execPath, parameters, { stdio: 'inherit' });
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  return status !== 0;
});
process.exitCode = failed.length > 0 ? 1 : 0;
