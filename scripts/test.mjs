// `npm test`: installs and builds what is missing, then runs Jest with the arguments given (`npm test -- path/to/file`).
// `npm run test:long` is the same for the tests of `test/long`, which take minutes.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';

prepare();
const given = process.argv.slice(2).filter((argument) => argument !== '--long');
const isLong = process.argv.includes('--long');
const jest = spawn(process.execPath, [join('node_modules', 'jest', 'bin', 'jest.js'), ...given], {
  stdio: 'inherit',
  env: {
    ...process.env,
    ...(isLong && { LONG_TESTS: '1' }),
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`,
  },
});
// Ctrl-C reaches Jest too: it stops its database first.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
jest.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
