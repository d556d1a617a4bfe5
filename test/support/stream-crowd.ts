import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { workerDatabaseUrl } from '../setup/database.js';
import { Fleet } from './fleet.js';
import { FollowingReader } from './following-reader.js';
import { type BatchAnswer, operationEvent, type PublishedEvent, readAll } from './publishing.js';
import { Service, until } from './service.js';

const PUBLISHERS = 4;

export interface CrowdSize {
  readonly processes: number;
  readonly streams: number;
  readonly events: number;
  readonly batch: number;
  readonly kills: number;
}

export interface CrowdReport {
  readonly kills: number;
  /** How often the streams came back, all together. */
  readonly returns: number;
  readonly seconds: number;
}

/** Streams over several processes get every event once and in order, while these are killed and started again. */
export async function proveCrowd({ processes, streams, events, batch, kills }: CrowdSize): Promise<CrowdReport> {
  const environment = {
    DATA_DIR: mkdtempSync(join(process.env.SIGNALPOST_TEST_FOLDER!, 'crowd-')),
    STREAMS_PER_KEY: String(streams),
  };
  const service = await Service.start({ environment });
  const fleet = await Fleet.start(processes, { ...environment, DATABASE_URL: await workerDatabaseUrl() });
  const readers: FollowingReader[] = [];
  try {
    const key = (await service.makeAccount()).test.secretKey;
    for (let n = 0; n < streams; n++) readers.push(new FollowingReader({ origin: () => fleet.origin(), key }));
    await until(async () => readers.every(({ connections }) => connections > 0));
    const begunMs = performance.now();
    const publishing = publishAll(fleet, key, events, batch);
    for (let kill = 1; kill <= kills; kill++) {
      // While all of them run, and the streams of the last one killed have come back.
      const reached = Math.floor((kill * events) / (kills + 1));
      await Promise.all(readers.map((reader) => reader.reaches(reached)));
      const index = kill % processes;
      await fleet.kill(index);
      await fleet.begin(index);
    }
    await publishing;
    await Promise.all(readers.map((reader) => reader.reaches(events)));
    const seconds = (performance.now() - begunMs) / 1_000;

    const told = await readAll<PublishedEvent>(service, '/v1/events', key);
    const ids = told.map(({ id }) => id);
    expect(ids).toHaveLength(events);
    for (const reader of readers) {
      expect(reader.fault).toBeNull();
      expect(reader.ids).toEqual(ids);
    }
    const connections = readers.reduce((sum, reader) => sum + reader.connections, 0);
    return { kills: fleet.kills, returns: connections - streams, seconds };
  } finally {
    await Promise.all(readers.map((reader) => reader.leave()));
    await fleet.stop();
    await service.stop();
  }
}

async function publishAll(fleet: Fleet, key: string, events: number, batch: number): Promise<void> {
  let next = 0;
  const publish = async (): Promise<void> => {
    while (next < events) {
      const first = next;
      next += batch;
      const items = Array.from({ length: Math.min(batch, events - first) }, (_, n) =>
        operationEvent('collect.pending', `col_${first + n}`, { external_id: `led-${first + n}` }),
      );
      while (!(await isTaken(fleet, key, items))) await pause(5);
    }
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, publish));
}

async function isTaken(fleet: Fleet, key: string, events: readonly object[]): Promise<boolean> {
  const answer = await fleet.post('/v1/events/batch', key, { events });
  if (answer?.status !== 200) return false;
  return (JSON.parse(answer.text) as BatchAnswer).failed === 0;
}
