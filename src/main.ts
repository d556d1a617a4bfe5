import { createServer } from 'node:net';
import { Logger } from '@nestjs/common';
import { AdminJournal } from './admin/admin-journal.js';
import { DevelopmentAccount } from './admin/development-account.js';
import { Readiness } from './common/health/readiness.js';
import { createLogger } from './common/logging.js';
import type { AppConfig } from './config/app-config.js';
import { readEnvironment } from './config/environment.js';
import { loadConfig } from './config/load-config.js';
import { createApp } from './create-app.js';
import { pendingMigrations, runMigrations } from './database/migrate.js';
import { openDatabase, type OpenDatabase } from './database/open-database.js';
import { refuseForeignSecrets } from './database/secrets-fingerprint.js';
import { StartError } from './database/start-error.js';
import { ENTITIES } from './entities.js';
import { Lifecycle } from './lifecycle.js';

const lifecycle = new Lifecycle();

try {
  await start();
} catch (error) {
  await lifecycle.fail(error);
}

/** Configuration → database → schema → application → port: each step's trouble is told in one line. */
async function start(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const logger = createLogger({ level: config.logLevel });
  Logger.overrideLogger(logger);
  lifecycle.logger = logger;

  // Before anything is started, for the commonest trouble of all: the service runs already.
  await listen(() => tryPort(config), config);
  const database = await openDatabase(config, ENTITIES, lifecycle.starting);
  lifecycle.onEnd(() => database.close());
  await prepareSchema(config, database);

  const app = await createApp(config, database.dataSource, logger);
  lifecycle.onEnd(() => app.close());
  await listen(() => app.listen(config.port, config.host), config);
  app.get(Readiness).markReady();
  await app.get(AdminJournal).started(config.role);

  const url = config.publicUrl ?? (await app.getUrl());
  logger.log(
    `Signalpost (${config.role}) serves ${url}, ready after ${process.uptime().toFixed(1)} s. API: ${url}/docs`,
  );
  const welcome = config.role === 'dispatcher' ? null : await app.get(DevelopmentAccount).ensureDevelopmentAccount(url);
  if (welcome !== null) process.stdout.write(`\n${welcome}\n`);
}

async function prepareSchema(config: AppConfig, { dataSource }: OpenDatabase): Promise<void> {
  if (config.environment === 'production') {
    const pending = await pendingMigrations(dataSource);
    if (pending.length > 0) throw new StartError(`The database lacks ${pending.join(', ')}: run npm run migrate.`);
    return;
  }
  await runMigrations(dataSource, config);
  if (config.environment === 'development') await refuseForeignSecrets(dataSource, config);
}

async function tryPort({ port, host }: AppConfig): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  await new Promise((resolve) => server.close(resolve));
}

async function listen(begin: () => Promise<unknown>, { port, host }: AppConfig): Promise<void> {
  try {
    await begin();
  } catch (error) {
    const { code, message, cause } = error as NodeJS.ErrnoException;
    // The metrics' port is opened with the application, and says itself which variable is wrong.
    if ((cause as NodeJS.ErrnoException | undefined)?.code !== undefined) throw new StartError(message);
    if (code === 'EADDRINUSE') {
      throw new StartError(`PORT ${port} on ${host} is in use: stop what listens there, or set PORT.`);
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new StartError(`HOST ${host} with PORT ${port} cannot be used: ${message}.`);
    }
    throw error;
  }
}
