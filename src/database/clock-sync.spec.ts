import { jest } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { Clock } from '../common/clock.js';
import { ClockSync } from './clock-sync.js';

const HOUR_MS = 3_600_000;

describe('the clock of a process', () => {
  afterEach(() => jest.restoreAllMocks());

  it('goes by the database’s, and stays as it is when an answer took too long to tell', async () => {
    let [passedMs, aheadMs] = [0, HOUR_MS];
    jest.spyOn(performance, 'now').mockImplementation(() => passedMs);
    const answersAfter = (milliseconds: number) => {
      passedMs += milliseconds;
      return Promise.resolve([{ now_ms: Date.now() + aheadMs }]);
    };
    let roundTripMs = 3;
    const dataSource = { query: () => answersAfter(roundTripMs) } as unknown as DataSource;
    const clock = new Clock();
    const sync = new ClockSync(dataSource, clock);
    const aheadBy = (milliseconds: number) => Math.abs(clock.now().getTime() - Date.now() - milliseconds) < 60_000;

    await sync.onModuleInit();
    expect(aheadBy(HOUR_MS)).toBe(true);
    [roundTripMs, aheadMs] = [1_001, 0];
    await sync.tick();
    expect(aheadBy(HOUR_MS)).toBe(true);
    roundTripMs = 1_000;
    await sync.tick();
    expect(aheadBy(0)).toBe(true);
  });
});
