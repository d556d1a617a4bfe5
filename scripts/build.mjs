// Compiles src and migrations into dist with SWC. Types are checked by `npm run check`, not here.
import { transformFile } from '@swc/core';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { sourceFiles, sourcesHash, STAMP_FILE } from './sources.mjs';

const draft = `dist.${process.pid}`;
const old = `dist.${process.pid}.old`;

async function compile(path) {
  const target = join(draft, path).replace(/\.ts$/, '.js');
  mkdirSync(dirname(target), { recursive: true });
  if (path.endsWith('.sql')) return copyFileSync(path, target);
  const { code, map } = await transformFile(path, {
    sourceFileName: relative(dirname(target), path),
    outputPath: target,
  });
  writeFileSync(target, `${code}\n//# sourceMappingURL=${basename(target)}.map\n`);
  writeFileSync(`${target}.map`, map);
}

try {
  const hash = sourcesHash();
  const results = await Promise.allSettled(sourceFiles().map(compile));
  const failures = results.filter(({ status }) => status === 'rejected');
  if (failures.length > 0) {
    for (const { reason } of failures) console.error(reason.message ?? reason);
    process.exitCode = 1;
  } else {
    writeFileSync(join(draft, basename(STAMP_FILE)), hash);
    // The old build stays whole until the new one is, for processes that load from it meanwhile.
    if (existsSync('dist')) renameSync('dist', old);
    renameSync(draft, 'dist');
  }
} finally {
  rmSync(draft, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
}
