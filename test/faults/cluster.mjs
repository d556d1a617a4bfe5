import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { removeFolder } from '../../scripts/abandoned-folders.mjs';
import { FaultProxy } from './fault-proxy.mjs';
import { FaultyDatabase } from './database.mjs';
import { ReceiverProcess } from './receiver-process.mjs';
import { ServiceProcess } from './service-process.mjs';

export const FOLDER_PREFIX = 'signalpost-faults-';
const ROLES = ['all', 'all', 'dispatcher', 'api'];
const START_MS = 120_000;

/**
 * Four processes of the service on one PostgreSQL, each over a link of its own, and the receivers behind another one.
 */
export class Cluster {
  processes = [];
  databaseLinks = [];

  /** Its user stops it, also when it did not start. */
  async start() {
    this.folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
    writeFileSync(join(this.folder, 'owner'), String(process.pid));
    this.database = await FaultyDatabase.start(this.folder);
    this.receiver = await ReceiverProcess.start();
    this.receiverLink = await FaultProxy.listen(this.receiver.port);
    for (const role of ROLES) {
      const link = await FaultProxy.listen(this.database.port);
      this.databaseLinks.push(link);
      const environment = {
        DATA_DIR: this.folder,
        DATABASE_URL: this.database.urlOver(link.port),
        WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8',
        DATABASE_STATEMENT_TIMEOUT_MS: '5000',
      };
      this.processes.push(new ServiceProcess(role, environment));
    }
    // The first one makes the schema; the others find it.
    await this.begin(this.processes[0]);
    await this.database.recordEnds();
    await Promise.all(this.processes.slice(1).map((service) => this.begin(service)));
    [, this.adminKey] = /"ADMIN_KEYS":\s*"[^":]+:(ak_\w+)/.exec(
      readFileSync(join(this.folder, 'secrets.json'), 'utf8'),
    );
  }

  get dispatchers() {
    return this.processes.filter(({ dispatches }) => dispatches);
  }

  linkOf(service) {
    return this.databaseLinks[this.processes.indexOf(service)];
  }

  /** Addresses that take publishes, of processes that serve now. */
  get origins() {
    return this.processes.filter(({ publishes, origin }) => publishes && origin !== null).map((p) => p.origin);
  }

  /** Starts a process until it serves: its database may be away just now. */
  async begin(service, options) {
    for (const endMs = Date.now() + START_MS; !(await service.start(options)); await pause(200)) {
      if (Date.now() > endMs || this.isStopping) throw new Error('A process of the service did not start.');
    }
  }

  async restartDatabase() {
    await this.database.restart();
    for (const link of this.databaseLinks) link.retarget(this.database.port);
  }

  /** Nothing is wrong any more, and every process serves. */
  async heal() {
    for (const link of [...this.databaseLinks, this.receiverLink]) link.heal();
    for (const service of this.processes) if (service.isFrozen) service.thaw();
    await Promise.all(this.processes.filter(({ pid }) => pid === null).map((service) => this.begin(service)));
  }

  stop() {
    this.isStopping = true;
    this.stopping ??= this.#stop();
    return this.stopping;
  }

  async #stop() {
    await Promise.all(this.processes.map((service) => service.kill()));
    this.receiver?.stop();
    for (const link of [...this.databaseLinks, this.receiverLink]) link?.close();
    await this.database?.stop();
    if (this.folder !== undefined) removeFolder(this.folder);
  }
}
