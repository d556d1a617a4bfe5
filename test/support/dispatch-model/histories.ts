import fc from 'fast-check';
import type { Fault } from './model-process.js';
import { ModelWorld } from './model-world.js';

type Step = readonly [name: keyof typeof STEPS, a: number, b: number, c: number];

const STATUSES = [200, 200, 500, 503, 503, 404, 410, 0] as const;
const LATENCIES_MS = [5, 40, 400, 3_000, 15_000] as const;
const RETRY_AFTERS = [null, null, 1, 4] as const;
const FAULTS: readonly Fault[] = ['refused', 'lost', 'late', 'slow'];
const PAUSES_MS = [1, 30, 300, 1_000, 4_000, 7_000, 9_000] as const;
const RATES = [null, 2, 5, 50] as const;
const OPERATIONS = [null, 'col_1', 'col_2'] as const;

function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length]!;
}

/** What may happen, each with up to three numbers that say to whom and how. */
const STEPS = {
  publish: (world: ModelWorld, endpoint: number, operation: number, publisher: number) =>
    world.publish(endpoint % 4, pick(OPERATIONS, operation), publisher),
  publishMany: (world: ModelWorld, endpoint: number, count: number, publisher: number) => {
    for (let n = 0; n < 8 + (count % 24); n++) world.publish(endpoint % 4, pick(OPERATIONS, n), publisher);
  },
  /** By a process that may take some of it at once. */
  publishHere: (world: ModelWorld, endpoint: number, count: number, how: number) =>
    world
      .process(how)
      ?.publish(world.endpoints[endpoint % 4]!, 1 + (count % 6), pick(OPERATIONS, how), how % 5 === 4 ? 1 : 0),
  failPublish: (world: ModelWorld, process: number, fault: number, count: number) =>
    world.process(process)?.publishFaults.push(...Array<Fault>(1 + (count % 3)).fill(pick(FAULTS, fault))),
  wait: (world: ModelWorld, length: number) => world.time.advance(pick(PAUSES_MS, length)),
  answer: (world: ModelWorld, endpoint: number, status: number, latency: number) =>
    world.receivers.behave(world.endpoints[endpoint % 4]![2], {
      status: pick(STATUSES, status),
      afterMs: pick(LATENCIES_MS, latency),
      retryAfterSeconds: pick(RETRY_AFTERS, latency + status),
    }),
  startProcess: (world: ModelWorld) => {
    if (world.processes.filter(({ isAlive }) => isAlive).length < 3) world.startProcess();
  },
  kill: (world: ModelWorld, process: number) => world.process(process)?.kill(),
  end: (world: ModelWorld, process: number) => world.process(process)?.end(),
  stop: (world: ModelWorld, process: number) => world.process(process)?.stop(),
  goOn: (world: ModelWorld, process: number) => world.process(process)?.goOn(),
  fail: (world: ModelWorld, process: number, fault: number, count: number) =>
    world.process(process)?.faults.push(...Array<Fault>(1 + (count % 3)).fill(pick(FAULTS, fault))),
  deafen: (world: ModelWorld, process: number) => {
    const found = world.process(process);
    if (found) found.isListening = false;
  },
  retry: (world: ModelWorld, delivery: number) => {
    const id = world.chosen(delivery);
    if (id !== undefined) world.queue.retry(id);
    world.notify();
  },
  cancel: (world: ModelWorld, delivery: number) => {
    const id = world.chosen(delivery);
    if (id !== undefined) world.queue.cancel(id);
    world.notify();
  },
  resend: (world: ModelWorld, endpoint: number) => world.resend(endpoint % 4),
  disable: (world: ModelWorld, endpoint: number) => world.change(endpoint % 4, (id) => world.queue.disable(id)),
  enable: (world: ModelWorld, endpoint: number) => {
    world.change(endpoint % 4, (id) => world.queue.enable(id));
    world.notify();
  },
  endLeftovers: (world: ModelWorld) => world.queue.endLeftovers(),
  /** One of the four, lest none be left. */
  delete: (world: ModelWorld) => world.change(0, (id) => world.queue.delete(id)),
  changeOrder: (world: ModelWorld, endpoint: number) => world.change(endpoint % 4, (id) => world.queue.changeOrder(id)),
  setRate: (world: ModelWorld, endpoint: number, rate: number) =>
    world.change(endpoint % 4, (id) => {
      const found = world.queue.endpoints.get(id)!;
      Object.assign(found, { rateLimit: pick(RATES, rate), revision: found.revision + 1 });
    }),
} satisfies Record<string, (world: ModelWorld, a: number, b: number, c: number) => unknown>;

const WEIGHTS: Partial<Record<keyof typeof STEPS, number>> = {
  publish: 6,
  publishMany: 3,
  publishHere: 8,
  wait: 8,
  answer: 4,
  delete: 0.2,
};

const numbers = fc.nat({ max: 99 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  ...(Object.keys(STEPS) as (keyof typeof STEPS)[]).map((name) => ({
    weight: Math.round((WEIGHTS[name] ?? 1) * 10),
    arbitrary: fc.tuple(fc.constant(name), numbers, numbers, numbers),
  })),
);

/** Each broke a guarantee once. */
const FOUND: [chance: number, history: Step[]][] = [
  // Claimed before its receiver asked for a pause, and sent in it.
  [
    0,
    [
      ['answer', 0, 59, 0],
      ['publish', 0, 0, 0],
      ['fail', 0, 62, 1],
      ['publish', 0, 0, 0],
      ['disable', 1, 0, 0],
    ],
  ],
  // Claimed at the endpoint's rate, held up together, and sent at once.
  [
    0,
    [
      ...([
        ['publish', 38, 0, 0],
        ['fail', 0, 2, 0],
        ['wait', 45, 0, 0],
        ['fail', 0, 2, 17],
      ] as const),
      ...([
        ['publish', 0, 0, 0],
        ['wait', 17, 0, 0],
        ['resend', 70, 0, 0],
      ] as const),
    ],
  ],
  // Handed over and settled before a claim was answered that had read it, and sent again.
  [
    0,
    [
      ...([
        ['publish', 0, 0, 0],
        ['wait', 2, 0, 0],
        ['failPublish', 0, 3, 0],
        ['publishHere', 0, 0, 0],
      ] as const),
      ...([
        ['wait', 1, 0, 0],
        ['fail', 0, 3, 1],
        ['publish', 0, 0, 0],
      ] as const),
    ],
  ],
  // Room given to a publish that a claim under way needed, and more in the air than a process may have.
  [
    0,
    [
      ...[0, 1, 2].map((endpoint) => ['answer', endpoint, 0, 4] as const),
      ...[0, 1, 2, 2, 2].map((endpoint) => ['publish', endpoint, 0, 0] as const),
      ...([
        ['wait', 3, 0, 0],
        ['fail', 0, 3, 1],
        ['publishMany', 1, 0, 0],
        ['publishHere', 0, 5, 0],
      ] as const),
    ],
  ],
  // Their order was given up while they waited, and each waited until the lane had been idle and was found again.
  [
    0,
    [
      ['answer', 1, 0, 3],
      ...Array.from({ length: 5 }, () => ['publishMany', 1, 23, 0] as const),
      ['wait', 3, 0, 0],
      ['changeOrder', 1, 0, 0],
      ['publishHere', 1, 0, 0],
      ['wait', 2, 0, 0],
    ],
  ],
  // Another process got the lane in between, and what was learnt of its receiver before was forgotten.
  [
    0,
    [
      ...([
        ['answer', 0, 66, 0],
        ['resend', 0, 0, 0],
        ['wait', 47, 0, 0],
        ['startProcess', 0, 0, 0],
        ['wait', 19, 0, 0],
      ] as const),
      ...([
        ['publishMany', 0, 6, 49],
        ['stop', 7, 0, 0],
        ['wait', 27, 0, 0],
        ['publishMany', 0, 0, 0],
      ] as const),
    ],
  ],
];

/** Runs one history to its end, and lets everything heal; what it broke. */
async function violationsOf(seed: number, history: readonly Step[]): Promise<string[]> {
  const world = new ModelWorld(seed);
  try {
    world.startProcess();
    for (const [name, ...parameters] of history) {
      await STEPS[name](world, ...parameters);
      await world.time.settle();
      if (world.receivers.violations.length > 0) break;
    }
    await world.heal();
    return world.violations();
  } finally {
    world.stopAll();
  }
}

/**
 * Runs random histories of the dispatcher's core (dispatcher, session, settler, lanes, turns, pace, rate, schedule,
 * sweeper) on a virtual clock. Throws with the shortest history that breaks a guarantee.
 */
export async function assertHistoriesHold(count: number, seed?: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' }),
      async (chance, history) => {
        const violations = await violationsOf(chance, history);
        if (violations.length > 0) throw new Error(violations.join('\n'));
      },
    ),
    { numRuns: count, examples: FOUND, ...(seed !== undefined && { seed }) },
  );
}
