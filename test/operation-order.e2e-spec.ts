import fc from 'fast-check';
import { publishBatch, publishNew } from './support/publishing.js';
import { Service } from './support/service.js';

const MINUTE_MS = 60_000;
const STATUSES = ['pending', 'succeeded', 'failed', 'refunded', 'cancelled'] as const;

interface Story {
  readonly events: readonly object[];
  readonly arrival: readonly number[];
  /** Whether the arrived go in one batch, or one by one. */
  readonly isBatch: boolean;
}

describe('an operation', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());

  const endOf = async ({ events, arrival, isBatch }: Story) => {
    const key = (await service.makeAccount()).test.secretKey;
    const arriving = arrival.map((n) => events[n]!);
    if (isBatch) expect(await publishBatch(service, key, arriving)).toMatchObject({ failed: 0 });
    else for (const event of arriving) await publishNew(service, key, event);
    const { body } = await service.call('get', '/v1/operations/pay_1', { key }).expect(200);
    const { last_event_id: lastEventId, created_at: _, ...end } = body as Record<string, unknown>;
    const last = await service.call('get', `/v1/events/${String(lastEventId)}`, { key }).expect(200);
    return { end, last: (last.body as { occurred_at: string }).occurred_at };
  };

  it('ends in the same state in whatever order its events arrive, each with all fields and its own time', async () => {
    const nowMs = Date.now();
    const whole = fc.record({
      minutesAgo: fc.integer({ min: 1, max: 1_000 }),
      status: fc.constantFrom(...STATUSES),
      amount: fc.nat(),
      name: fc.option(fc.constantFrom('Adjoua', 'Koffi')),
      code: fc.option(fc.constantFrom('expired', 'refused')),
    });
    const stories = fc
      .uniqueArray(whole, { selector: ({ minutesAgo }) => minutesAgo, minLength: 2, maxLength: 7 })
      .chain((events) =>
        fc.record({
          events: fc.constant(events),
          arrival: fc.shuffledSubarray([...events.keys()], { minLength: events.length }),
          isBatch: fc.boolean(),
        }),
      );
    await fc.assert(
      fc.asyncProperty(stories, async ({ events, arrival, isBatch }) => {
        const inputs = events.map(({ minutesAgo, status, amount, name, code }) => ({
          type: `payment.${status}`,
          occurred_at: new Date(nowMs - minutesAgo * MINUTE_MS).toISOString(),
          operation: {
            ...{ id: 'pay_1', amount, currency: 'XOF', reference: `INV-${minutesAgo}`, channel: 'mtn_bj' },
            ...{ customer: name === null ? null : { name }, cause: code === null ? null : { code } },
            metadata: { amount: String(amount) },
          },
        }));
        const inTime = [...events.keys()].sort((a, b) => events[b]!.minutesAgo - events[a]!.minutesAgo);
        const expected = await endOf({ events: inputs, arrival: inTime, isBatch: false });
        expect(await endOf({ events: inputs, arrival, isBatch })).toEqual(expected);
        const latest = events[inTime.at(-1)!]!;
        expect(expected.end).toMatchObject({
          ...{ status: latest.status, amount: latest.amount, version: events.length },
          updated_at: new Date(nowMs - latest.minutesAgo * MINUTE_MS).toISOString(),
        });
      }),
      { numRuns: 12 },
    );
  }, 30_000);
});
