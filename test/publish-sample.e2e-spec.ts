import { readFileSync } from 'node:fs';
import { publishBatch, publishNew, type PublishedEvent, readAll } from './support/publishing.js';
import { Service } from './support/service.js';

interface SampleEvent {
  readonly occurred_at: string;
  readonly external_id?: string;
  readonly [field: string]: unknown;
}

/** The sample fortnight, moved so that its last event happened a minute ago. */
function loadSample(): SampleEvent[] {
  const text = readFileSync(new URL('../examples/operations-sample.ndjson', import.meta.url), 'utf8');
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SampleEvent);
  const times = events.map((event) => Date.parse(event.occurred_at));
  const moveMs = Date.now() - 60_000 - Math.max(...times);
  return events.map((event, n) => ({ ...event, occurred_at: new Date(times[n]! + moveMs).toISOString() }));
}

/** What must not depend on the road by which an event came: all but id, account and time of acceptance. */
function essence({ id: _, account: __, created_at: ___, ...event }: PublishedEvent): object {
  return event;
}

describe('the sample fortnight', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());

  const operationsOf = async (key: string) =>
    (await readAll<{ id: string; last_event_id: string }>(service, '/v1/operations', key))
      .map(({ last_event_id: _, ...operation }) => operation)
      .sort((one, other) => (one.id < other.id ? -1 : 1));

  it('gives the same operations and events one by one and in batches of any size, with its five stale events', async () => {
    const sample = loadSample();
    const [single, batched] = [await service.makeAccount(), await service.makeAccount()];
    const told: PublishedEvent[] = [];
    for (const event of sample) told.push(await publishNew(service, single.test.secretKey, event));
    for (let from = 0, size = 1; from < sample.length; from += size, size *= 3) {
      const { failed } = await publishBatch(service, batched.test.secretKey, sample.slice(from, from + size));
      expect(failed).toBe(0);
    }

    const inBatches = await readAll<PublishedEvent>(service, '/v1/events', batched.test.secretKey);
    expect(inBatches.map(essence)).toEqual(told.map(essence));
    expect(told.map(({ sequence }) => sequence)).toEqual(sample.map((_, n) => n + 1));

    const operations = await operationsOf(single.test.secretKey);
    expect(await operationsOf(batched.test.secretKey)).toEqual(operations);
    expect(operations).toHaveLength(140);

    const stale = told.filter(({ operation }) => operation!.stale);
    expect(stale.map(({ operation }) => operation!.status)).toEqual(Array(5).fill('pending'));
    for (const { operation } of stale) {
      expect(operations.find(({ id }) => id === operation!.id)).not.toMatchObject({ status: 'pending' });
    }

    // Publishing it all again changes nothing where there is an external_id.
    const known = sample.filter(({ external_id: externalId }) => externalId !== undefined);
    const again = await publishBatch(service, single.test.secretKey, known);
    expect(again).toMatchObject({ created: 0, failed: 0 });
    expect(await operationsOf(single.test.secretKey)).toEqual(operations);
  }, 30_000);
});
