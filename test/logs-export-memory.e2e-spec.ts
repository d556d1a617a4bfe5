import { measureExports } from './support/export-memory.js';

const LOGS = 60_000;

describe('the memory of an export', () => {
  it('does not grow with its logs, whether its reader is quick or slow', async () => {
    const measured = await measureExports('export_memory', LOGS, [
      { format: 'csv', isSlow: false },
      { format: 'ndjson', isSlow: true },
    ]);
    expect(measured.map(({ logs }) => logs)).toEqual([LOGS, LOGS]);
    for (const { growthMib } of measured) expect(growthMib).toBeLessThanOrEqual(50);
  }, 120_000);
});
