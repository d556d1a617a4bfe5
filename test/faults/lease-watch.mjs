import { setTimeout as pause } from 'node:timers/promises';

const LOOK_MS = 500;

/**
 * Sees leases that ran out though nothing was done to their processes: on a crowded machine one may get no turn for
 * longer than a lease. What such a process had in the air when it was last seen alive is counted; it may have had more.
 */
export class LeaseWatch {
  losses = 0;
  inTheAir = 0;
  #database;
  /** By token: `{pid, inTheAir}` as they were last seen alive. */
  #living = new Map();
  #expected = new Set();
  /** Numbers of processes that were killed; one that registered a moment before has not been seen alive. */
  #killed = new Set();
  #isOver = false;
  #watching;

  constructor(database) {
    this.#database = database;
    this.#watching = this.#watch();
  }

  /** The lease of this process will run out, and somebody else counts what it has in the air. */
  expect(pid) {
    for (const [token, lease] of this.#living) if (lease.pid === pid) this.#expected.add(token);
  }

  expectOfKilled(pid) {
    this.#killed.add(pid);
  }

  async stop() {
    this.#isOver = true;
    await this.#watching;
  }

  async #watch() {
    while (!this.#isOver) {
      // While the database is away nobody can say.
      const leases = await this.#database.leases().catch(() => null);
      if (leases !== null) this.#compare(leases);
      await pause(LOOK_MS);
    }
  }

  #compare(leases) {
    const alive = new Set(leases.map(({ token }) => token));
    for (const [token, { pid, inTheAir }] of this.#living) {
      if (alive.has(token)) continue;
      this.#living.delete(token);
      if (this.#expected.has(token) || this.#killed.has(pid)) continue;
      this.losses += 1;
      this.inTheAir += inTheAir;
    }
    for (const { token, pid, in_the_air: inTheAir } of leases) this.#living.set(token, { pid, inTheAir });
  }
}
