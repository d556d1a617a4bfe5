import { jest } from '@jest/globals';

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly rounds: readonly number[];
  readonly limit?: { readonly name: string; readonly rounds: readonly number[] };
  readonly aims?: readonly object[];
  readonly isTimed?: boolean;
  readonly guarded?: boolean;
}
interface Measured {
  readonly figures: readonly unknown[];
}

/** Plain Node, as all benches are. */
async function load<T>(module: string): Promise<T> {
  return (await import(`../bench/${module}.mjs`)) as T;
}

describe('figures of benches', () => {
  let figure: (measured: Figure) => unknown;
  let toSection: (result: object) => string;
  let isWithin: (result: Measured, committed: Record<string, number>) => boolean;
  beforeAll(async () => {
    ({ figure } = await load<{ figure: typeof figure }>('statistics'));
    ({ toSection } = await load<{ toSection: typeof toSection }>('table'));
    ({ isWithin } = await load<{ isWithin: typeof isWithin }>('regression'));
  });

  const steady = { name: 'rate', unit: 'a second', rounds: [100, 101, 102, 103, 104] };
  const swinging = [100, 150, 200, 250, 300];
  const limit = { name: 'limit', rounds: [200, 202, 204, 206, 208] };

  /** The cells of the only row. */
  function rowOf(measured: Figure, trouble: string | null = null): string[] {
    const told = { title: 'Bench', about: '', limitedBy: [], seconds: 1, machine: 'one', versions: {} };
    const text = toSection({ ...told, figures: [figure(measured)], trouble });
    const row = text.split('\n').find((line) => line.startsWith('| rate'))!;
    return row.split('|').map((cell) => cell.trim());
  }

  it('show median, spread, limit, ratio and whether the aim is met', () => {
    const aims = [
      { of: 'value', atLeast: 90 },
      { of: 'ratio', atLeast: 0.6 },
    ];
    const shown = ['rate', '102 a second', '2 %', 'limit: 204', '0.50 (0 %)', '≥ 90; ratio ≥ 0.6', 'yes; **no**'];
    expect(rowOf({ ...steady, limit, aims })).toEqual(['', ...shown, '']);
  });

  it('are not told when their rounds lie too far apart; an aim is then judged only where all rounds agree', () => {
    const told = (aim: object) => {
      const [, , value, , , , , met] = rowOf({ ...steady, rounds: swinging, aims: [aim] });
      return [value, met];
    };
    const none = 'no figure: spread 50 %';
    expect(told({ of: 'value', atLeast: 150 })).toEqual([none, 'not known']);
    expect(told({ of: 'value', atLeast: 100 })).toEqual([none, 'yes, in every round']);
    expect(told({ of: 'value', atMost: 300 })).toEqual([none, 'yes, in every round']);
    expect(told({ of: 'value', atLeast: 301 })).toEqual([none, '**no**, in no round']);
    expect(told({ of: 'value', atMost: 99 })).toEqual([none, '**no**, in no round']);
  });

  it('are not told of a busy or small machine, where they are times; ratios and counts are', () => {
    const [, , value, , bare, ratio] = rowOf({ ...steady, limit }, '1 core');
    expect([value, bare, ratio]).toEqual(['no figure: see above', 'limit: no figure: see above', '0.50 (0 %)']);
    expect(rowOf({ ...steady, rounds: swinging, aims: [{ of: 'value', atLeast: 1 }] }, '1 core')[7]).toBe('not known');
    expect(rowOf({ ...steady, isTimed: false }, '1 core')[2]).toBe('102 a second');
  });

  it('fail a change only where a certain ratio has fallen below half of the committed one', () => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    const result = (rounds: number[]) => ({ figures: [figure({ ...steady, rounds, limit, guarded: true })] });
    const label = 'rate ÷ limit';
    expect(isWithin(result([100, 101, 102, 103, 104]), { [label]: 0.99 })).toBe(true);
    expect(isWithin(result([100, 101, 102, 103, 104]), { [label]: 1.02 })).toBe(false);
    expect(isWithin(result(swinging), { [label]: 100 })).toBe(true);
    expect(log.mock.lastCall?.[0]).toContain('cannot judge: spread');
    expect(isWithin(result([100, 101, 102, 103, 104]), {})).toBe(true);
    log.mockRestore();
  });
});
