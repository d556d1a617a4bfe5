import type { AddressInfo } from 'node:net';
import { decodeId } from '../src/common/ids.js';
import { Inbox } from '../src/events/inbox.js';
import {
  deliveryWhen,
  isEnded,
  isWaitingAfter,
  listDeliveries,
  makeDue,
  makeEndpoint,
  readDelivery,
  startSending,
} from './support/deliveries.js';
import { operationEvent, type PublishedEvent, publishNew, readAll } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type MadeAccount, Service, until } from './support/service.js';
import { SseReader } from './support/sse-reader.js';

interface ShownLog {
  readonly id: string;
  readonly action: string;
  readonly operation_id: string | null;
  readonly description: string;
}

/** One try, and one after two hours, which the tests make due at once. */
const SCHEDULE = [7_200];
const OPERATION = { id: 'col_93d8', reference: 'INV-1021' };
/** Alike, but for the last sign: nothing of it may be found. */
const OTHER = { id: 'col_93d9', reference: 'INV-1022' };
const CARD = '4111111111111111';

/** What happens to each operation below, in this order. */
const STORY = [
  'collect.pending',
  'delivery.failed',
  'delivery.retried',
  'delivery.succeeded',
  'collect.failed',
  'delivery.failed',
  'delivery.retried',
  'delivery.exhausted',
  'delivery.redelivered',
  'delivery.succeeded',
  'collect.pending',
  'delivery.failed',
  'delivery.cancelled',
  'collect.pending',
  'delivery.failed',
  'delivery.failed', // As deadly to its sender.
  'event.refused',
  'reminder.sent',
  'collect.pending',
  'delivery.failed',
  'delivery.cancelled', // By the erasure.
  'operation.erased',
  'collect.pending',
  'delivery.failed', // The receiver is gone.
];

describe('the logs of an operation', () => {
  let service: Service;
  let receiver: Receiver;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    [service, receiver] = await Promise.all([startSending(), Receiver.start()]);
  });
  afterAll(() => Promise.all([service.stop(), receiver.stop()]));

  const call = (path: string, body?: object) => service.call('post', path, { key, body });
  const answer = (status: number) => (receiver.answer = () => ({ status }));
  const makeAccount = async (): Promise<void> => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  };
  const makeOwnEndpoint = () => makeEndpoint(service, key, { url: receiver.url(), retry_schedule: SCHEDULE });
  const publish = (type: string, operation: { readonly id: string }): Promise<PublishedEvent> =>
    publishNew(service, key, operationEvent(type, operation.id, { operation }));
  const waiting = async (event: { id: string }): Promise<string> =>
    (await deliveryWhen(service, key, event.id, isWaitingAfter(1))).id;
  const ends = (id: string) => until(async () => isEnded(await readDelivery(service, key, id)));
  const retryTo = async (status: number, id: string): Promise<void> => {
    answer(status);
    await call(`/v1/deliveries/${id}/retry`).expect(202);
    await ends(id);
  };

  /** An event in the database that cannot be published, until its log says so. */
  async function leaveRefused(operation: { readonly id: string; readonly reference: string }): Promise<void> {
    const values = [account.id, 'test', 'collect.lost', JSON.stringify(operation)];
    await service.dataSource.query('SELECT signalpost.publish_event($1, $2, $3, $4)', values);
    await until(async () => {
      await service.app.get(Inbox, { strict: false }).runOnce();
      return (await ofOperation(operation.id)).some(({ action }) => action === 'event.refused');
    });
  }

  /** Lets happen what `STORY` tells. */
  async function tell(operation: { readonly id: string; readonly reference: string }): Promise<void> {
    const { id: endpointId } = await makeOwnEndpoint();
    answer(500);
    await retryTo(200, await waiting(await publish('collect.pending', operation)));

    answer(500);
    const failed = await publish('collect.failed', operation);
    await retryTo(500, await waiting(failed));
    answer(200);
    await call(`/v1/events/${failed.id}/redeliver`, {}).expect(202);
    await until(async () => (await listDeliveries(service, key, { event_id: failed.id })).every(isEnded));

    answer(500);
    await call(`/v1/deliveries/${await waiting(await publish('collect.pending', operation))}/cancel`).expect(200);
    const deadly = await waiting(await publish('collect.pending', operation));
    await service.dataSource.query('UPDATE signalpost.pending_deliveries SET crash_count = 3 WHERE id = $1', [
      decodeId('del', deadly),
    ]);
    await makeDue(service, deadly);
    await ends(deadly);

    await leaveRefused(operation);
    const note = { action: 'reminder.sent', status: 'info', description: 'A word to the payer' };
    await call('/v1/logs', { ...note, operation_id: operation.id }).expect(201);

    await waiting(await publish('collect.pending', operation));
    const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'test' };
    await service.call('post', `/v1/operations/${operation.id}/erase`, { headers }).expect(200);

    answer(410);
    await deliveryWhen(service, key, (await publish('collect.pending', operation)).id, isEnded);
    await service.call('delete', `/v1/webhook-endpoints/${endpointId}`, { key }).expect(204);
  }

  const ofOperation = (id: string) => readAll<ShownLog>(service, `/v1/logs?operation_id=${id}`, key);
  const idsOf = (logs: readonly { readonly id: string }[]): string[] => logs.map(({ id }) => id).sort();
  const listed = async (query: string): Promise<string[]> =>
    idsOf(await readAll<ShownLog>(service, `/v1/logs?${query}`, key));
  const exported = async (query: string): Promise<string[]> => {
    const { text } = await service.call('get', `/v1/logs/export?format=ndjson&${query}`, { key }).expect(200);
    return idsOf(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as ShownLog),
    );
  };
  /** From the oldest on, until all of `wanted` have come. */
  const streamed = async (query: string, wanted: readonly string[]): Promise<string[]> => {
    const { port } = service.app.getHttpServer().address() as AddressInfo;
    const path = `/v1/logs/stream?${query}`;
    const reader = await SseReader.open(`http://127.0.0.1:${port}`, path, key, { 'last-event-id': '0' });
    try {
      await reader.until(() => wanted.every((id) => reader.events.some((log) => log.id === id)));
      return [...new Set(idsOf(reader.events))];
    } finally {
      reader.leave();
    }
  };

  describe('are all found by its id and by its reference', () => {
    let wanted: string[];
    beforeAll(makeAccount);
    beforeAll(() => tell(OPERATION));
    beforeAll(() => tell(OTHER));
    beforeAll(async () => {
      wanted = idsOf(await ofOperation(OPERATION.id));
    });
    afterAll(() => service.suspend(account.id));

    it('whoever wrote them: each outcome of a webhook, what people did to it, a note, a refusal, an erasure', async () => {
      for (const { id } of [OPERATION, OTHER]) {
        expect((await ofOperation(id)).map(({ action }) => action).sort()).toEqual([...STORY].sort());
      }
    });

    const questions = [OPERATION.id, OPERATION.reference, 'inv 1021', `${OPERATION.id} ${OPERATION.reference}`];
    it.each(questions.map((question) => `q=${encodeURIComponent(question)}`))(
      '%s, in the list, the export and the stream, and no log of another one',
      async (query) => {
        expect(await listed(query)).toEqual(wanted);
        expect(await exported(query)).toEqual(wanted);
        expect(await streamed(query, wanted)).toEqual(wanted);
      },
    );

    it.each(['delivery.failed', 'delivery.exhausted', 'delivery.succeeded'])(
      'together with the filter on the action %s',
      async (action) => {
        const those = idsOf((await ofOperation(OPERATION.id)).filter((log) => log.action === action));
        expect(those.length).toBeGreaterThan(0);
        for (const question of [OPERATION.id, OPERATION.reference]) {
          const query = `action=${action}&q=${question}`;
          expect(await listed(query)).toEqual(those);
          expect(await exported(query)).toEqual(those);
        }
      },
    );
  });

  it('are found by what is left of a reference that looks like a card’s number, and none of them keeps it', async () => {
    await makeAccount();
    const operation = { id: 'col_card', reference: CARD };
    await tell(operation);
    const wanted = idsOf(await ofOperation(operation.id));
    expect(wanted).toHaveLength(STORY.length);
    expect(await listed(`q=${CARD.slice(-4)}`)).toEqual(wanted);
    const [{ kept }] = await service.dataSource.query<[{ kept: number }]>(
      `SELECT count(*)::integer AS kept FROM signalpost.logs l WHERE l.account_id = $1 AND l::text LIKE $2`,
      [decodeId('acct', account.id), `%${CARD}%`],
    );
    expect(kept).toBe(0);
    await service.suspend(account.id);
  });

  it('are found by the reference in a refused event, though the operation never came to be', async () => {
    await makeAccount();
    await leaveRefused({ id: 'col_lost', reference: 'LOST-7' });
    const wanted = idsOf(await ofOperation('col_lost'));
    for (const question of ['col_lost', 'LOST-7']) expect(await listed(`q=${question}`)).toEqual(wanted);
  });

  it('are found by its id alone while it has no reference, or is not known here', async () => {
    await makeAccount();
    await publishNew(service, key, operationEvent('collect.pending', 'col_none', { operation: { reference: null } }));
    const note = { action: 'reminder.sent', status: 'info', description: 'A word to the payer' };
    for (const id of ['col_none', 'col_elsewhere']) {
      await call('/v1/logs', { ...note, operation_id: id }).expect(201);
      expect(await listed(`q=${id}`)).toEqual(idsOf(await ofOperation(id)));
    }
  });
});
