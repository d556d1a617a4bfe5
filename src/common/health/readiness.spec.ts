import { jest } from '@jest/globals';
import { Readiness } from './readiness.js';

describe('Readiness', () => {
  afterEach(() => void jest.useRealTimers());

  it('is not ready before the start and while stopping, and never ready again after that', async () => {
    const readiness = new Readiness();
    expect(await readiness.reasonNotReady()).toBe('The process is starting.');
    readiness.markReady();
    expect(await readiness.reasonNotReady()).toBeNull();
    readiness.onModuleDestroy();
    readiness.markReady();
    expect(await readiness.reasonNotReady()).toBe('The process is stopping.');
  });

  it('gives a check one second, also one that throws at once', async () => {
    jest.useFakeTimers();
    const readiness = new Readiness();
    readiness.markReady();
    readiness.addCheck('database', () => new Promise(() => undefined));
    readiness.addCheck('other', () => {
      throw new Error('down');
    });
    const reason = readiness.reasonNotReady();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await reason).toBe('No answer within 1000 ms from: database, other.');
  });
});
