import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { workerDatabaseUrl } from '../setup/database.js';
import { Fleet } from './fleet.js';
import { FollowingReader } from './following-reader.js';
import { ListPoller } from './list-poller.js';
import { expectGapFree, expectVersionsOnce } from './ledger-checks.js';
import { publishStorm, type StormReport } from './publish-storm.js';
import { operationEvent, publishNew, type PublishedEvent, readAll } from './publishing.js';
import { Service } from './service.js';

export interface StormSize {
  readonly processes: number;
  readonly eventsEach: number;
  readonly kills: number;
}

/**
 * Lets a storm pass and proves what it left: a sequence without gap or repeat in the order of ids, every event that was
 * acknowledged or committed once and no other, and readers of list and stream that missed none.
 */
export async function proveStorm({ processes, eventsEach, kills }: StormSize): Promise<StormReport> {
  const environment = { DATA_DIR: mkdtempSync(join(process.env.SIGNALPOST_TEST_FOLDER!, 'storm-')) };
  const databaseUrl = await workerDatabaseUrl();
  const service = await Service.start({ environment });
  const fleet = await Fleet.start(processes, { ...environment, DATABASE_URL: databaseUrl });
  try {
    const { id: accountId, test } = await service.makeAccount();
    const key = test.secretKey;
    const first = await publishNew(service, key, operationEvent('collect.pending', 'op_0', { external_id: 'first' }));
    const poller = new ListPoller(service, key, first.id);
    const origin = () => fleet.origin();
    const readers = [{ leaveEvery: 37 }, { leaveEvery: 211 }, {}].map(
      (more) => new FollowingReader({ origin, key, ...more }),
    );
    const report = await publishStorm({ fleet, size: processes, databaseUrl, accountId, key, eventsEach, kills });

    const expected = new Set(['first', ...report.expected]);
    let told: PublishedEvent[] = [];
    // What was committed by SQL is published by whoever drains the inbox next.
    while (told.length < expected.size) told = await readAll<PublishedEvent>(service, '/v1/events', key);
    expectGapFree(told);
    expectVersionsOnce(told);
    expect(told.map(({ external_id: externalId }) => externalId).sort()).toEqual([...expected].sort());
    const stored = new Map(told.map((event) => [event.external_id!, event.id]));
    expect([...report.acknowledged].filter(([externalId, id]) => stored.get(externalId) !== id)).toEqual([]);

    await poller.stop();
    const ids = told.map(({ id }) => id);
    expect(poller.seen).toEqual(ids);
    for (const reader of readers) {
      await reader.reaches(ids.length);
      expect(reader.fault).toBeNull();
      expect(reader.ids).toEqual(ids);
      await reader.leave();
    }
    expect(readers[0]!.connections).toBeGreaterThan(ids.length / 300);
    expect(fleet.kills).toBe(kills);
    return report;
  } finally {
    await fleet.stop();
    await service.stop();
  }
}
