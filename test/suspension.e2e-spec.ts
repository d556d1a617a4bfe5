import { decodeId } from '../src/common/ids.js';
import { deliveryWhen, isEnded, isWaitingAfter, makeDue, makeEndpoint, startSending } from './support/deliveries.js';
import { Receiver } from './support/receiver.js';
import { type MadeAccount, type Service, until } from './support/service.js';

describe('A suspended account', () => {
  let service: Service;
  let receiver: Receiver;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    [service, receiver] = await Promise.all([startSending(), Receiver.start()]);
  });
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });

  const set = (status: string) =>
    service.call('patch', `/v1/admin/accounts/${account.id}`, { body: { status } }).expect(200);
  const acting = () => ({ 'signalpost-account': account.id, 'signalpost-mode': 'test' });
  const publish = async (id: string): Promise<string> => {
    const body = { type: 'collect.pending', operation: { id } };
    return (await service.call('post', '/v1/events', { headers: acting(), body }).expect(201)).body.id as string;
  };
  /** No dispatcher holds the lane, and none looks at it before something changes. */
  const laneSleeps = () =>
    until(async () => {
      const rows = await service.dataSource.query<object[]>(
        `SELECT FROM signalpost.lanes WHERE account_id = $1 AND owner IS NULL AND wake_at = 'infinity' AND gen > 0`,
        [decodeId('acct', account.id)],
      );
      return rows.length === 1;
    });

  it('has every kind of its keys refused, in both modes, and keeps them for afterwards', async () => {
    const restricted = await service.makeRestrictedKey(key);
    const { test, live } = account;
    const keys = [test.publicKey, test.secretKey, restricted.key, live.publicKey, live.secretKey];
    const outcomes = () => Promise.all(keys.map((used) => service.outcome('get', '/v1/account', { key: used })));
    expect(new Set(await outcomes())).toEqual(new Set(['200']));
    await set('suspended');
    expect(new Set(await outcomes())).toEqual(new Set(['403 account_suspended']));
    await set('active');
    expect(new Set(await outcomes())).toEqual(new Set(['200']));
  });

  it('loses nothing: what waits for its next try and what comes meanwhile is sent when it is active again', async () => {
    await makeEndpoint(service, key, { url: receiver.url('/hook'), retry_schedule: [3_600, 3_600] });
    receiver.answer = () => ({ status: 500 });
    const before = await publish('col_before');
    const waiting = await deliveryWhen(service, key, before, isWaitingAfter(1));
    await set('suspended');
    receiver.answer = () => ({ status: 200 });
    await makeDue(service, waiting.id);
    const during = await publish('col_during');
    await laneSleeps();
    expect(receiver.arrivals.map(({ eventId }) => eventId)).toEqual([before]);
    const { body } = await service.call('get', '/v1/deliveries', { headers: acting() }).expect(200);
    expect(body.data).toMatchObject([
      { event_id: during, status: 'pending', attempt_count: 0 },
      { event_id: before, status: 'pending', attempt_count: 1 },
    ]);
    await set('active');
    for (const [event, attempts] of [
      [before, 2],
      [during, 1],
    ] as const) {
      const ended = await deliveryWhen(service, key, event, isEnded);
      expect(ended).toMatchObject({ status: 'succeeded', attempt_count: attempts });
    }
  });
});
