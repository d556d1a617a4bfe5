import { jest } from '@jest/globals';
import { Clock } from '../src/common/clock.js';
import { decodeId } from '../src/common/ids.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { PUBLIC_KEY_REFUSALS } from '../src/logs/sparing-logs.js';
import { type CallOptions, type MadeAccount, Service, until } from './support/service.js';

const FLOOD = PUBLIC_KEY_REFUSALS.burst + 40;
const MINUTE_MS = 60_000;
const PAGE = { origin: 'https://evil.example' };

/** Logs about keys cannot be written, whoever's. */
const NO_ROOM = `
  CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
  CREATE TRIGGER no_room BEFORE INSERT ON signalpost.logs
    FOR EACH ROW WHEN (NEW.category = 'key') EXECUTE FUNCTION public.no_room()`;

interface WrittenLog {
  readonly action: string;
  readonly request_id: string;
  readonly metadata: { readonly left_out?: number };
}

describe('what strangers have refused', () => {
  let service: Service;
  let logger: RequestLogger;
  let account: MadeAccount;
  beforeAll(async () => {
    service = await Service.start();
    logger = service.app.get(RequestLogger, { strict: false });
  });
  beforeEach(async () => {
    account = await service.makeAccount();
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  afterAll(() => service.stop());

  const flood = (options: CallOptions, answered: string, times = FLOOD): Promise<void[]> =>
    Promise.all(
      Array.from({ length: times }, async () => {
        expect(await service.outcome('get', '/v1/logs', options)).toBe(answered);
      }),
    );
  const written = async (keyId: string): Promise<WrittenLog[]> => {
    await logger.runOnce();
    // What came while an earlier attempt was under way.
    await logger.runOnce();
    return service.dataSource.query(
      'SELECT action, request_id, metadata FROM signalpost.logs WHERE api_key_id = $1 ORDER BY id',
      [decodeId('key', keyId)],
    );
  };
  const notLogged = async (reason: string): Promise<number> => {
    const { values } = await service.app
      .get(Metrics, { strict: false })
      .registry.getSingleMetric('signalpost_request_logs_left_out_total')!
      .get();
    return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
  };

  it.each([
    ['a public key', 'public_key'],
    ['a revoked key', 'unusable_key'],
  ])('with %s is logged some times, then counted, and the next log says how often', async (_what, reason) => {
    let { publicKeyId: id, publicKey: key } = account.live;
    let answered = '403 secret_key_required';
    if (reason === 'unusable_key') {
      ({ id, key } = await service.makeRestrictedKey(account.live.secretKey));
      await service.call('delete', `/v1/api-keys/${id}`, { key: account.live.secretKey }).expect(200);
      answered = '401 api_key_revoked';
    }
    const refusals = async () => (await written(id)).filter(({ action }) => action === 'request.refused');
    await flood({ key }, answered);
    const logged = await refusals();
    const left = await notLogged(reason);
    expect(left).toBeGreaterThan(0);
    expect(logged.length).toBeGreaterThanOrEqual(PUBLIC_KEY_REFUSALS.burst);
    expect(logged.length + left).toBe(FLOOD);

    // The merchant's own are logged beside it, and so are those of its other keys.
    const own = await service.call('post', '/v1/logs', { key: account.live.secretKey, body: {} }).expect(422);
    const ownLogs = await written(account.live.secretKeyId);
    expect(ownLogs.map(({ request_id: requestId }) => requestId)).toContain(own.headers['request-id']);

    const clock = service.app.get(Clock, { strict: false });
    const measured = clock.monotonicMs.bind(clock);
    jest.spyOn(clock, 'monotonicMs').mockImplementation(() => measured() + MINUTE_MS);
    await flood({ key }, answered, 1);
    const told = (await refusals()).map(({ metadata }) => metadata.left_out ?? 0);
    expect(told).toHaveLength(logged.length + 1);
    expect(told.reduce((sum, count) => sum + count)).toBe(left);
  });

  it('of a secret key in a web page past the first ones is counted, too', async () => {
    const { secretKey: key, secretKeyId } = account.live;
    await flood({ key, headers: PAGE }, '403 secret_key_in_browser');
    const left = await notLogged('secret_key_in_browser');
    expect(left).toBeGreaterThan(0);
    await until(async () => (await written(secretKeyId)).length + left === FLOOD);
    expect(new Set((await written(secretKeyId)).map(({ action }) => action))).toEqual(
      new Set(['api_key.refused_in_browser']),
    );
  });

  it('of a secret key in a web page while the database takes no log waits with the others, and is written once', async () => {
    const { secretKey: key, secretKeyId } = account.live;
    await service.dataSource.query(NO_ROOM);
    const { headers } = await service.call('get', '/v1/logs', { key, headers: PAGE }).expect(403);
    // It is held as soon as writing what is held fails.
    await until(() =>
      logger.runOnce().then(
        () => false,
        () => true,
      ),
    );
    await service.dataSource.query('DROP TRIGGER no_room ON signalpost.logs');
    await until(async () => (await written(secretKeyId).catch(() => [])).length > 0);
    expect(await written(secretKeyId)).toEqual([
      { action: 'api_key.refused_in_browser', request_id: headers['request-id'], metadata: PAGE },
    ]);
  });
});
