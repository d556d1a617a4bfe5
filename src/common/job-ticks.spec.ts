import { JobTicks } from './job-ticks.js';

describe('JobTicks', () => {
  it('runs one at a time, and the next one when that has ended', async () => {
    const ticks = new JobTicks(fail);
    let [begun, end] = [0, (): void => undefined];
    const work = (): Promise<void> => {
      begun += 1;
      return new Promise((resolve) => (end = resolve));
    };
    const first = ticks.run(work);
    await ticks.run(work);
    expect(begun).toBe(1);
    end();
    await first;
    void ticks.run(work);
    expect(begun).toBe(2);
  });

  it('tells of a failure and lets the next one try again', async () => {
    const told: string[] = [];
    const ticks = new JobTicks(({ message }) => told.push(message));
    await ticks.run(() => Promise.reject(new Error('away')));
    let runs = 0;
    await ticks.run(async () => (runs += 1));
    expect([told, runs]).toEqual([['away'], 1]);
  });
});

function fail(error: Error): never {
  throw error;
}
