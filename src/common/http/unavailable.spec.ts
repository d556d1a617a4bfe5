import { isDatabaseUnavailable } from './unavailable.js';

const withCode = (code: string): Error => Object.assign(new Error('x'), { code });

describe('isDatabaseUnavailable', () => {
  it.each([
    '08000',
    '08006',
    '57P01',
    '57P02',
    '57P03',
    '53100',
    '53300',
    '57014',
    '25006',
    'ECONNREFUSED',
    'ECONNRESET',
  ])('holds for %s', (code) => {
    expect(isDatabaseUnavailable(withCode(code))).toBe(true);
    expect(isDatabaseUnavailable(new Error('outer', { cause: withCode(code) }))).toBe(true);
    expect(isDatabaseUnavailable(new AggregateError([withCode(code)]))).toBe(true);
  });

  it('holds for what the pool says without a code', () => {
    expect(isDatabaseUnavailable(new Error('timeout exceeded when trying to connect'))).toBe(true);
    expect(isDatabaseUnavailable(new Error('Connection terminated unexpectedly'))).toBe(true);
  });

  it.each([
    ['55000', 'database "signalpost" is not currently accepting connections'],
    ['28P01', 'password authentication failed for user "signalpost"'],
    ['28000', 'no pg_hba.conf entry for host'],
    ['3D000', 'database "signalpost" does not exist'],
  ])('holds for %s where it lets no session begin, and not where a statement met it', (code, message) => {
    const refusal = Object.assign(new Error(message), { code, severity: 'FATAL' });
    expect(isDatabaseUnavailable(refusal)).toBe(true);
    expect(isDatabaseUnavailable(Object.assign(refusal, { severity: 'ERROR' }))).toBe(false);
  });

  it.each(['22021', '23505', '42P01', '57P05', 'XX000'])('does not hold for %s', (code) => {
    expect(isDatabaseUnavailable(withCode(code))).toBe(false);
  });

  it('does not hold for what is no error', () => {
    expect(isDatabaseUnavailable('08006')).toBe(false);
    expect(isDatabaseUnavailable(null)).toBe(false);
  });
});
