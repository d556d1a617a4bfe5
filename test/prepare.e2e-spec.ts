import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

describe('preparing a clone', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'signalpost-prepare-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('does not install through a link, which would empty the folder that it leads to', () => {
    const [clone, packages] = [join(folder, 'clone'), join(folder, 'packages')];
    for (const path of [join(clone, 'src'), join(packages, 'kept')]) mkdirSync(path, { recursive: true });
    cpSync(join(ROOT, 'scripts'), join(clone, 'scripts'), { recursive: true });
    writeFileSync(join(clone, 'package-lock.json'), '{}');
    symlinkSync(packages, join(clone, 'node_modules'), 'junction');
    const prepare = "import('./scripts/prepare.mjs').then(({ prepare }) => prepare())";
    // No npm: whatever would begin to install anyway fails at once.
    const { status, stderr } = spawnSync(process.execPath, ['-e', prepare], {
      cwd: clone,
      encoding: 'utf8',
      env: { PATH: '' },
    });
    expect({ status, kept: readdirSync(packages) }).toEqual({ status: 1, kept: ['kept'] });
    expect(stderr).toContain('node_modules is a symbolic link');
  });
});
