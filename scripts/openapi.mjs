// `npm run openapi` writes openapi/openapi.json; with --check it only tells whether the file is what the routes say.
import { prepare } from './prepare.mjs';

prepare();
const { runOpenApi } = await import('../dist/src/common/docs/openapi-command.js');
const { AppModule } = await import('../dist/src/app.module.js');
const { loadConfig } = await import('../dist/src/config/load-config.js');
const { createDataSource } = await import('../dist/src/database/data-source.js');
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATH = 'openapi/openapi.json';
const folder = mkdtempSync(join(tmpdir(), 'signalpost-openapi-'));
try {
  const config = loadConfig({ NODE_ENV: 'test', DATA_DIR: folder });
  const dataSource = createDataSource(config, 'postgres://nowhere/none');
  const outcome = await runOpenApi(AppModule.forRoot(config, dataSource), PATH, process.argv.includes('--check'));
  if (outcome === 'differs') {
    console.error(`${PATH} is not what the routes say: npm run openapi writes it.`);
    process.exitCode = 1;
  } else {
    console.log(`${PATH}: ${outcome}.`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
