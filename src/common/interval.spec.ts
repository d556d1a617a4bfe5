import { AppError } from './app-error.js';
import { assertInterval } from './interval.js';

const names = ['created_after', 'created_before'] as const;
const [early, late] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];

describe('assertInterval', () => {
  it('takes open, equal and rising ends', () => {
    for (const [after, before] of [
      [undefined, early],
      [late, null],
      [early, early],
      [early, late],
    ]) {
      expect(() => assertInterval(after, before, names)).not.toThrow();
    }
  });

  it('names the end of a reversed interval', () => {
    let error: unknown;
    try {
      assertInterval(late, early, names);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).errors).toEqual([
      expect.objectContaining({ field: 'created_before', code: 'reversed_interval' }),
    ]);
  });
});
