import { setTimeout as pause } from 'node:timers/promises';
import { encodeId } from '../../dist/src/common/ids.js';
import { Takeovers } from './takeovers.mjs';

const RECOVERY_MS = 120_000;
const LEASE_MS = 8_000;
const LOOK_MS = 100;
/** So often the process that is killed is one that owns lanes; the others die too. */
const USUAL_OWNERS_SHARE = 0.7;

/** Does the deeds of a scenario. */
export class Faults {
  count = 0;
  takeovers = new Takeovers();
  /** What was in the air at an end of the database, which may forget claims of its last moments. */
  inTheAirAtCrashes = new Map();
  #cluster;
  #random;
  #hooks;
  #restarts = [];
  #hasMisbehaved = false;

  constructor(cluster, random, hooks) {
    this.#cluster = cluster;
    this.#random = random;
    this.#hooks = hooks;
  }

  /** Everything that was begun again serves. */
  async settled() {
    await Promise.all(this.#restarts.splice(0));
  }

  /**
   * Kills a process and begins another in its place, while others are there to take over; `ownersShare`: how often it
   * is one that has something to lose.
   */
  async killAny(ownersShare = USUAL_OWNERS_SHARE) {
    const owners = await this.#cluster.database.owners();
    const serving = this.#cluster.processes.filter(({ origin }) => origin !== null);
    const owning = serving.filter(({ pid }) => owners.includes(pid));
    const isOwner = owning.length > 0 && this.#random.next() < ownersShare;
    // One that publishers can reach is left, and one that dispatches.
    const isLast = (service, tasked) => tasked(service) && !serving.some((other) => other !== service && tasked(other));
    const mortal = (isOwner ? owning : serving).filter(
      (service) => !isLast(service, ({ publishes }) => publishes) && !isLast(service, ({ dispatches }) => dispatches),
    );
    if (mortal.length === 0) return;
    const service = this.#random.pick(mortal);
    await this.#dieTakenOver(service);
    this.#restarts.push(this.#cluster.begin(service));
  }

  async kill(service) {
    await this.#die(service);
    this.#restarts.push(this.#cluster.begin(service));
  }

  /** Begins a process with a wrong clock before it begins the other dispatchers anew, so that it owns the lanes. */
  async beginWithClock(service, clockOffsetMs) {
    const others = this.#cluster.dispatchers.filter((other) => other !== service);
    for (const each of [service, ...others]) await this.#die(each);
    await this.#cluster.begin(service, { clockOffsetMs });
    await this.#cluster.database.owns(service.pid);
    this.#restarts.push(...others.map((other) => this.#cluster.begin(other)));
  }

  async freezeAny() {
    const owners = await this.#cluster.database.owners();
    const owning = this.#cluster.dispatchers.filter(({ pid }) => owners.includes(pid));
    const service = this.#random.pick(owning.length > 0 ? owning : this.#cluster.dispatchers);
    this.count += 1;
    service.freeze();
    return service;
  }

  /** Nothing passes to or from the database while what is in the air is counted; then it ends. */
  async crashDatabase(awayMs) {
    this.count += 1;
    for (const link of this.#cluster.databaseLinks) link.hold();
    for (const [attempt, id] of await this.#cluster.database.inTheAir()) this.inTheAirAtCrashes.set(attempt, id);
    await this.#cluster.database.crash();
    for (const link of this.#cluster.databaseLinks) {
      link.cut();
      link.heal();
      link.isRefusing = true;
    }
    await pause(awayMs);
    await this.#cluster.restartDatabase();
    for (const link of this.#cluster.databaseLinks) link.isRefusing = false;
  }

  async terminateBackends(count) {
    this.count += 1;
    await this.#cluster.database.terminateBackends(count, this.#random.integer(0, 1_000_000));
  }

  async slowDatabaseLinks(delayMs, durationMs) {
    this.count += 1;
    for (const link of this.#cluster.databaseLinks) link.delayMs = delayMs;
    await pause(durationMs);
    for (const link of this.#cluster.databaseLinks) link.heal();
  }

  async cutDatabaseLink(service, awayMs) {
    const link = this.#cluster.linkOf(service);
    this.count += 1;
    link.isRefusing = true;
    link.cut();
    await pause(awayMs);
    link.heal();
  }

  /** Left so: the process has to find out by itself that nobody answers any more. Resolves when it dispatches again. */
  async halfOpenDatabaseLink(service) {
    const link = this.#cluster.linkOf(service);
    while (link.connections === 0) await pause(LOOK_MS);
    this.count += 1;
    link.halfOpen();
    const cutOffMs = Date.now();
    // Extended over a connection that was made since.
    while ((await this.#cluster.database.leaseUntilMs(service.pid)) < cutOffMs + LEASE_MS + 1_000) {
      if (Date.now() > cutOffMs + RECOVERY_MS) throw new Error('A process that was cut off did not dispatch again.');
      await pause(LOOK_MS);
    }
  }

  async cutReceiverLink(awayMs) {
    const link = this.#cluster.receiverLink;
    this.count += 1;
    link.isRefusing = true;
    link.cut();
    await pause(awayMs);
    link.heal();
  }

  /** Less than an endpoint's timeout: answers come late, and none is lost. */
  async slowReceiverLink(delayMs, durationMs) {
    const link = this.#cluster.receiverLink;
    this.count += 1;
    link.delayMs = delayMs;
    await pause(durationMs);
    link.heal();
  }

  async halfOpenReceiverLink() {
    this.count += 1;
    this.#cluster.receiverLink.halfOpen();
  }

  misbehave(choose) {
    this.count += 1;
    this.#hasMisbehaved = true;
    this.#cluster.receiver.behave(Object.fromEntries(this.#hooks.map((hook) => [hook, choose()])));
  }

  async #die(service) {
    const pid = await service.kill();
    if (pid !== null) this.count += 1;
    return pid;
  }

  /** How long its deliveries wait for another process is measured, where nothing but its death holds them up. */
  async #dieTakenOver(service) {
    const diedAtMs = Date.now();
    const pid = await this.#die(service);
    const due = pid === null || this.#hasMisbehaved ? [] : await this.#cluster.database.dueOf(pid);
    this.takeovers.died(
      diedAtMs,
      due.map((row) => ({
        eventId: encodeId('evt', row.event_id),
        endpointId: encodeId('we', row.endpoint_id),
        leaseUntilMs: row.lease_until.getTime(),
      })),
    );
  }
}
