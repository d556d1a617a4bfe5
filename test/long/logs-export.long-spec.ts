import { measureExports, SMALL_HEAP } from '../support/export-memory.js';

describe('exporting a million logs', () => {
  it.each([
    ['a small heap', SMALL_HEAP],
    ['the heap that Node gives itself', ''],
  ])(
    'takes with %s at most 50 MiB more memory than serving their beginning, whatever the format and the reader’s pace',
    async (_name, heap) => {
      const readings = [
        { format: 'csv', isSlow: false },
        { format: 'ndjson', isSlow: false },
        { format: 'csv', isSlow: true },
        { format: 'ndjson', isSlow: true },
      ] as const;
      const measured = await measureExports('export_long', 1_000_000, readings, heap);
      console.info(JSON.stringify(measured));
      expect(measured).toHaveLength(4);
      for (const { logs, growthMib } of measured) {
        expect(logs).toBe(1_000_000);
        expect(growthMib).toBeLessThanOrEqual(50);
      }
    },
  );
});
