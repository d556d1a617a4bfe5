import { isDatabaseUnavailable } from './unavailable.js';

const withCode = (code: string): Error => Object.assign(new Error('x'), { code });

describe('isDatabaseUnavailable', () => {
  it.each(['08000', '08006', '57P01', '57P02', '57P03', '53300', '57014', 'ECONNREFUSED', 'ECONNRESET'])(
    'holds for %s',
    (code) => {
      expect(isDatabaseUnavailable(withCode(code))).toBe(true);
      expect(isDatabaseUnavailable(new Error('outer', { cause: withCode(code) }))).toBe(true);
      expect(isDatabaseUnavailable(new AggregateError([withCode(code)]))).toBe(true);
    },
  );

  it('holds for what the pool says without a code', () => {
    expect(isDatabaseUnavailable(new Error('timeout exceeded when trying to connect'))).toBe(true);
    expect(isDatabaseUnavailable(new Error('Connection terminated unexpectedly'))).toBe(true);
  });

  it.each(['22021', '23505', '42P01', '57P05', 'XX000'])('does not hold for %s', (code) => {
    expect(isDatabaseUnavailable(withCode(code))).toBe(false);
  });

  it('does not hold for what is no error', () => {
    expect(isDatabaseUnavailable('08006')).toBe(false);
    expect(isDatabaseUnavailable(null)).toBe(false);
  });
});
