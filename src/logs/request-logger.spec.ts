import { Clock } from '../common/clock.js';
import { NIL_ACCOUNT } from '../common/ids.js';
import { Metrics } from '../common/metrics/metrics.js';
import type { LogWriter, NewLog } from './log-writer.js';
import { MOST_LOGS_HELD, RequestLogger, type RecordedRequest } from './request-logger.js';

/** A database that is away, refuses the data, or takes them. */
class FakeWriter {
  readonly written: NewLog[] = [];
  trouble: Error | null = null;
  /** Requests whose logs have a value that it does not take. */
  readonly refused = new Set<string>();
  statements = 0;
  /** It is away from then on. */
  mostStatements = Infinity;

  async write(logs: readonly NewLog[]): Promise<readonly string[]> {
    this.statements += 1;
    if (this.statements > this.mostStatements) throw new Error('away');
    if (this.trouble) throw this.trouble;
    if (logs.some(({ requestId }) => this.refused.has(requestId!))) throw refusal('22021');
    this.written.push(...logs);
    return [];
  }
}

/** As PostgreSQL says that it does not take a value. */
function refusal(code: string, constraint?: string): Error {
  return Object.assign(new Error(`refused with ${code}`), { code, constraint });
}

function request(requestId: string): RecordedRequest {
  return {
    caller: {
      accountId: null,
      mode: null,
      apiKeyId: null,
      adminKeyName: 'ops',
      actorName: 'Awa',
      locale: 'en',
      ip: '203.0.113.9',
    },
    method: 'POST',
    route: '/v1/admin/accounts',
    status: 201,
    code: null,
    durationMs: 12.4,
    requestId,
  };
}

describe('RequestLogger', () => {
  let writer: FakeWriter;
  let logger: RequestLogger;
  let metrics: Metrics;
  beforeEach(() => {
    writer = new FakeWriter();
    metrics = new Metrics();
    logger = new RequestLogger(writer as unknown as LogWriter, new Clock(), metrics);
  });

  const dropped = async (): Promise<unknown> =>
    (await metrics.registry.getSingleMetric('signalpost_request_logs_dropped_total')!.get()).values[0]!.value;
  const ids = (): unknown[] => writer.written.map(({ requestId }) => requestId);

  it('writes what was recorded, once, in its order; a request without an account is the platform’s', async () => {
    for (const id of ['a', 'b']) logger.record(request(id));
    expect(await logger.runOnce()).toBe(2);
    expect(await logger.runOnce()).toBe(0);
    expect(ids()).toEqual(['a', 'b']);
    expect(writer.written[0]).toMatchObject({
      accountId: NIL_ACCOUNT,
      mode: null,
      category: 'api',
      action: 'request.succeeded',
      actor: { type: 'admin', id: 'ops', name: 'Awa', ip: '203.0.113.9' },
      http: { duration_ms: 12, status: 201 },
    });
  });

  it('keeps logs while the database is away, and writes them when it is back', async () => {
    writer.trouble = new Error('away');
    for (let index = 0; index < 1_200; index += 1) logger.record(request(String(index)));
    await expect(logger.runOnce()).rejects.toThrow('away');
    writer.trouble = null;
    expect(await logger.runOnce()).toBe(1_200);
    expect(ids()).toEqual(Array.from({ length: 1_200 }, (_, index) => String(index)));
    expect(await dropped()).toBe(0);
  });

  it('drops the oldest past the bound, and counts them', async () => {
    const excess = 5_000;
    for (let index = 0; index < MOST_LOGS_HELD + excess; index += 1) logger.record(request(String(index)));
    expect(await logger.runOnce()).toBe(MOST_LOGS_HELD);
    expect(ids()[0]).toBe(String(excess));
    expect(await dropped()).toBe(excess);
  });

  it('drops none of an account for the flood of another, while the database is away', async () => {
    const ofAccount = (requestId: string, accountId: string): RecordedRequest => {
      const { caller, ...rest } = request(requestId);
      return { ...rest, caller: { ...caller, accountId, mode: 'live', apiKeyId: NIL_ACCOUNT, adminKeyName: null } };
    };
    writer.trouble = new Error('away');
    logger.record(ofAccount('before', 'quiet'));
    for (let index = 0; index < MOST_LOGS_HELD * 3; index += 1) logger.record(ofAccount('flood', 'loud'));
    logger.record(request('of the platform'));
    await expect(logger.runOnce()).rejects.toThrow('away');
    writer.trouble = null;
    expect(await logger.runOnce()).toBe(MOST_LOGS_HELD);
    expect(ids().filter((id) => id !== 'flood')).toEqual(['before', 'of the platform']);
    expect(await dropped()).toBe(MOST_LOGS_HELD * 2 + 2);
  });

  it('holds no more than twice the bound even when nobody writes', async () => {
    for (let index = 0; index < MOST_LOGS_HELD * 5; index += 1) logger.record(request(String(index)));
    expect(Number(await dropped())).toBeGreaterThanOrEqual(MOST_LOGS_HELD * 3);
  });

  it('does not try for ever what the database refuses as wrong', async () => {
    logger.record(request('wrong'));
    writer.trouble = Object.assign(new Error('invalid byte sequence'), { code: '22021' });
    await expect(logger.runOnce()).rejects.toThrow();
    writer.trouble = null;
    logger.record(request('right'));
    await logger.runOnce();
    expect(ids()).toEqual(['right']);
    expect(await dropped()).toBe(1);
  });

  describe('of a batch in which the database refuses a few', () => {
    const recorded = Array.from({ length: 500 }, (_, index) => String(index));
    const left = recorded.filter((id) => !['0', '250', '499'].includes(id));
    beforeEach(() => {
      for (const id of ['0', '250', '499']) writer.refused.add(id);
      for (const id of recorded) logger.record(request(id));
    });

    it('drops and counts those alone, without trying each by itself, and goes on with what waits behind', async () => {
      logger.record(request('behind'));
      await expect(logger.runOnce()).rejects.toThrow('refused with 22021');
      expect(ids()).toEqual([...left, 'behind']);
      expect(await dropped()).toBe(3);
      expect(writer.statements).toBeLessThan(60);
      expect(await logger.runOnce()).toBe(0);
    });

    it.each([1, 5, 20])('keeps the others when it goes away after %i statements', async (statements) => {
      writer.mostStatements = statements;
      await expect(logger.runOnce()).rejects.toThrow('away');
      writer.mostStatements = Infinity;
      await logger.runOnce().catch(() => undefined);
      expect(ids()).toEqual(left);
      expect(await dropped()).toBe(3);
    });
  });

  it('keeps logs while there is no partition for them, within the bound; a check that they violate drops them', async () => {
    for (let index = 0; index < MOST_LOGS_HELD; index += 1) logger.record(request(String(index)));
    writer.trouble = refusal('23514');
    await expect(logger.runOnce()).rejects.toThrow('refused with 23514');
    expect(writer.statements).toBe(1);
    logger.record(request('newest'));
    await expect(logger.runOnce()).rejects.toThrow('refused with 23514');
    expect(await dropped()).toBe(1);
    writer.trouble = null;
    expect(await logger.runOnce()).toBe(MOST_LOGS_HELD);
    expect([ids()[0], ids().at(-1)]).toEqual(['1', 'newest']);

    logger.record(request('wrong'));
    writer.trouble = refusal('23514', 'logs_mode_check');
    await expect(logger.runOnce()).rejects.toThrow();
    writer.trouble = null;
    expect(await logger.runOnce()).toBe(0);
    expect(await dropped()).toBe(2);
  });

  it('tells where a client had left, and how many refusals before had no log of their own', async () => {
    logger.record(request('plain'));
    logger.record({ ...request('left'), hasClientLeft: true, leftOut: 3 });
    await logger.runOnce();
    expect(writer.written.map(({ metadata }) => metadata)).toEqual([{}, { client_left: true, left_out: 3 }]);
  });

  it('writes what is left at shutdown', async () => {
    logger.record(request('last'));
    await logger.onApplicationShutdown();
    expect(ids()).toEqual(['last']);
  });
});
