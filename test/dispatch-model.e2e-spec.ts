import fc from 'fast-check';
import { QueueComparison } from './support/dispatch-model/queue-comparison.js';
import { Service } from './support/service.js';

const HISTORIES = 30;
const STEPS = 30;
/** The same histories each time. */
const SEED = 1;

type Act = (queue: QueueComparison, a: number, b: number, c: number) => Promise<[unknown, unknown] | void>;

const ACTS: Record<string, { readonly weight: number; readonly act: Act }> = {
  publish: { weight: 8, act: (queue, endpoint, operation) => queue.publish(endpoint, operation) },
  publishOffered: {
    weight: 8,
    act: (queue, endpoint, chosen, dispatcher) => queue.publishOffered(endpoint, chosen, dispatcher),
  },
  claim: { weight: 8, act: (queue, dispatcher, endpoint, kind) => queue.claim(dispatcher, endpoint, kind) },
  settle: { weight: 6, act: (queue, chosen, outcome, count) => queue.settle(chosen, outcome, count) },
  park: { weight: 3, act: (queue, dispatcher, endpoint) => queue.park(dispatcher, endpoint) },
  cancel: { weight: 2, act: (queue, chosen) => queue.cancel(chosen) },
  retry: { weight: 2, act: (queue, chosen) => queue.retry(chosen) },
  disable: { weight: 1, act: (queue, endpoint) => queue.set(endpoint, 'disabled') },
  enable: { weight: 2, act: (queue, endpoint) => queue.set(endpoint, 'enabled') },
  changeOrder: { weight: 1, act: (queue, endpoint) => queue.changeOrder(endpoint) },
  endLeftovers: { weight: 1, act: (queue) => queue.endLeftovers() },
  suspect: { weight: 2, act: (queue, chosen) => queue.suspect(chosen) },
  die: { weight: 1, act: (queue, dispatcher) => queue.die(dispatcher) },
};

const numbers = fc.nat({ max: 23 });
const steps = fc.oneof(
  ...Object.entries(ACTS).map(([name, { weight }]) => ({
    weight,
    arbitrary: fc.tuple(fc.constant(name), numbers, numbers, numbers),
  })),
);

describe('the queue', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
  });
  afterAll(() => service.stop());

  it('does in PostgreSQL, step by step, what the model does on which the dispatcher is proven', async () => {
    const histories = fc.array(steps, { minLength: STEPS, maxLength: STEPS });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const queue = await QueueComparison.start(service);
        try {
          for (const [name, a, b, c] of history) {
            const [real, model] = (await ACTS[name]!.act(queue, a, b, c)) ?? [null, null];
            expect(real).toEqual(model);
            await queue.pass();
            const [realState, modelState] = await queue.states();
            expect(realState).toEqual(modelState);
          }
        } finally {
          await queue.stop();
        }
      }),
      { numRuns: HISTORIES, seed: SEED, endOnFailure: true },
    );
  }, 120_000);
});
