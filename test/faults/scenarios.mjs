import { setTimeout as pause } from 'node:timers/promises';

const ALL_TYPES = ['collect.*', 'payment.*'];
const USUAL = {
  accounts: 3,
  endpoints: [
    { eventTypes: ALL_TYPES, isOrdered: false },
    { eventTypes: ALL_TYPES, isOrdered: true },
    { eventTypes: ['payment.*'], isOrdered: false },
  ],
  load: { publishers: 12, pauseMs: 250, operations: 12 },
};
/**
 * Few operations with much to say, over many ordered endpoints: 32 publishers, 16 requests in the air for each
 * endpoint.
 */
const ORDERED = {
  accounts: 2,
  endpoints: Array.from({ length: 4 }, () => ({ eventTypes: ALL_TYPES, isOrdered: true })),
  load: { publishers: 32, pauseMs: 400, operations: 10 },
};
/** Longer than a lease (8 s), so that others take over meanwhile. */
const FROZEN_MS = 10_000;
const HOUR_MS = 3_600_000;
const WRONG_BY_MS = [500 * 24, 20 * 24, 5, -2, -500 * 24].map((hours) => hours * HOUR_MS);
const MISBEHAVIOURS = ['stalling', 'dripping', 'bombing', 'resetting', 'redirecting', 'flaky'];

/**
 * What goes wrong, by the name for `--only`. `run` does it, `rounds` times, while publishers publish; afterwards
 * everything is healed and must come to rest. `faults` (faults.mjs) does the deeds.
 */
export const SCENARIOS = {
  kill: {
    title: 'SIGKILL of a process every few seconds',
    ...USUAL,
    async run({ faults, random, rounds }) {
      for (let n = 0; n < rounds * 3; n++) {
        await pause(random.integer(1_500, 3_000));
        await faults.killAny();
      }
    },
  },
  stop: {
    title: 'SIGSTOP past the lease, then SIGCONT',
    ...USUAL,
    async run({ faults, rounds }) {
      for (let n = 0; n < rounds; n++) {
        await pause(1_500);
        const service = await faults.freezeAny();
        await pause(FROZEN_MS);
        service.thaw();
      }
      await pause(1_500);
    },
  },
  crash: {
    title: 'PostgreSQL stopped at once (immediate) and restarted',
    ...USUAL,
    async run({ faults, random, rounds }) {
      for (let n = 0; n < rounds * 2; n++) {
        await pause(random.integer(1_000, 2_500));
        await faults.crashDatabase(random.integer(0, 2_000));
      }
      await pause(1_000);
    },
  },
  terminate: {
    title: 'Backends ended by pg_terminate_backend',
    ...USUAL,
    async run({ faults, random, rounds }) {
      for (let n = 0; n < rounds * 8; n++) {
        await pause(random.integer(200, 700));
        await faults.terminateBackends(random.integer(1, 6));
      }
    },
  },
  database: {
    title: 'Link to PostgreSQL slow, cut, half open',
    ...USUAL,
    async run({ cluster, faults, random, rounds }) {
      for (let n = 0; n < rounds; n++) {
        await pause(1_000);
        await faults.slowDatabaseLinks(random.integer(20, 250), 2_000);
        await faults.cutDatabaseLink(random.pick(cluster.dispatchers), random.integer(500, 2_000));
        await faults.halfOpenDatabaseLink(random.pick(cluster.dispatchers));
      }
    },
  },
  receiverlink: {
    title: 'Link to the receivers slow, cut, half open',
    ...USUAL,
    async run({ faults, random, rounds }) {
      for (let n = 0; n < rounds; n++) {
        await pause(1_000);
        await faults.cutReceiverLink(random.integer(0, 1_500));
        await pause(1_500);
        await faults.slowReceiverLink(random.integer(50, 400), 2_000);
        await faults.halfOpenReceiverLink();
        await pause(2_500);
      }
    },
  },
  receivers: {
    title: 'Receivers stall, drip, bomb, reset, redirect, fail; come back',
    ...USUAL,
    async run({ faults, random, rounds }) {
      for (let n = 0; n < rounds * 4; n++) {
        await pause(1_500);
        faults.misbehave(() => random.pick(['healthy', ...MISBEHAVIOURS]));
      }
      await pause(1_500);
    },
  },
  clock: {
    title: 'Clock wrong on one process, receivers fail at random',
    ...USUAL,
    async run({ cluster, faults, random, rounds }) {
      faults.misbehave(() => 'flaky');
      for (let n = 0; n < rounds; n++) {
        const service = random.pick(cluster.dispatchers);
        await faults.beginWithClock(service, random.pick(WRONG_BY_MS));
        await faults.settled();
        await pause(2_000);
        await faults.kill(service);
      }
    },
  },
  ordered: {
    title: 'Ordered endpoints: 32 publishers, failing receivers, SIGKILL',
    ...ORDERED,
    async run({ faults, random, rounds }) {
      faults.misbehave(() => 'flaky');
      for (let n = 0; n < rounds * 2; n++) {
        await pause(random.integer(2_000, 3_500));
        await faults.killAny(1);
      }
      await pause(1_000);
    },
  },
};
