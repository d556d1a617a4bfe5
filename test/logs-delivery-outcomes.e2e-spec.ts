import { decodeId } from '../src/common/ids.js';
import type { Locale } from '../src/accounts/account.js';
import { Database } from '../src/database/database.js';
import { UnsendableRepository } from '../src/deliveries/unsendable.repository.js';
import { UnsendableDeliveries } from '../src/dispatcher/unsendable-deliveries.js';
import { LogWriter } from '../src/logs/log-writer.js';
import { showDuration } from '../src/logs/shown-duration.js';
import {
  deliveryWhen,
  isEnded,
  isWaitingAfter,
  makeDue,
  makeEndpoint,
  type ShownDelivery,
  startSending,
} from './support/deliveries.js';
import { operationEvent, type PublishedEvent, publishNew, readAll } from './support/publishing.js';
import { type Answer, Receiver } from './support/receiver.js';
import { type MadeAccount, Service, until } from './support/service.js';

interface ShownLog {
  readonly id: string;
  readonly category: string;
  readonly action: string;
  readonly status: string;
  readonly description: string;
}

/** The wait of this schedule, give or take a fifth, is always shown as 2 h. */
const SCHEDULE = [7_200];

interface Sentences {
  readonly failed: (host: string, outcome: string) => string;
  readonly exhausted: (host: string, outcome: string, attempts: number) => string;
  readonly gone: (host: string, outcome: string) => string;
  readonly recovered: (host: string) => string;
  readonly deliveredAfter: (host: string, attempts: number) => string;
  readonly disabledGone: (host: string) => string;
  readonly disabledFailing: (host: string) => string;
  readonly poison: (host: string) => string;
  readonly expired: (host: string) => string;
  readonly after: string;
}

const SENTENCES: Record<Locale, Sentences> = {
  en: {
    failed: (host, outcome) => `Webhook to ${host} failed: ${outcome}; next try in 2 h`,
    exhausted: (host, outcome, attempts) =>
      `Webhook to ${host} failed for good: ${outcome}; no try is left after ${attempts}`,
    gone: (host, outcome) =>
      `Webhook to ${host} failed: ${outcome}; the receiver is gone, so the endpoint was disabled`,
    recovered: (host) => `Webhook to ${host} delivered`,
    deliveredAfter: (host, attempts) => `Webhook to ${host} delivered after ${attempts} attempts`,
    disabledGone: (host) => `Webhook endpoint ${host} disabled: it answered 410 Gone`,
    disabledFailing: (host) => `Webhook endpoint ${host} disabled: it failed for a day without a success`,
    poison: (host) => `Webhook to ${host} stopped: sending it interrupted the service several times`,
    expired: (host) => `Webhook to ${host} stopped: its event is older than the retention`,
    after: 'after',
  },
  fr: {
    failed: (host, outcome) => `Webhook vers ${host} échoué : ${outcome} ; nouvel essai dans 2 h`,
    exhausted: (host, outcome, attempts) =>
      `Webhook vers ${host} échoué définitivement : ${outcome} ; plus d'essai après ${attempts}`,
    gone: (host, outcome) =>
      `Webhook vers ${host} échoué : ${outcome} ; le destinataire n'existe plus, le webhook a été désactivé`,
    recovered: (host) => `Webhook vers ${host} livré`,
    deliveredAfter: (host, attempts) => `Webhook vers ${host} livré après ${attempts} essais`,
    disabledGone: (host) => `Webhook ${host} désactivé : il a répondu 410 Gone`,
    disabledFailing: (host) => `Webhook ${host} désactivé : un jour d'échecs sans un succès`,
    poison: (host) => `Webhook vers ${host} arrêté : son envoi a interrompu le service plusieurs fois`,
    expired: (host) => `Webhook vers ${host} arrêté : son événement a dépassé la durée de conservation`,
    after: 'après',
  },
};

describe.each(['en', 'fr'] as const)(
  'what the logs tell of deliveries, in the language of the account (%s)',
  (locale) => {
    const told = SENTENCES[locale];
    let service: Service;
    let receiver: Receiver;
    let account: MadeAccount;
    let key: string;
    let endpointId: string;
    let host: string;
    let operations = 0;
    beforeAll(async () => {
      [service, receiver] = await Promise.all([startSending(), Receiver.start()]);
      host = receiver.url().replace('http://', '');
    });
    beforeEach(async () => {
      receiver.answer = () => ({});
      account = await service.makeAccount({ locale });
      key = account.test.secretKey;
      endpointId = (await makeEndpoint(service, key, { url: receiver.url(), retry_schedule: SCHEDULE })).id;
    });
    afterEach(() => service.suspend(account.id));
    afterAll(() => Promise.all([service.stop(), receiver.stop()]));

    const publish = (): Promise<PublishedEvent> =>
      publishNew(service, key, operationEvent('collect.pending', `col_${(operations += 1)}`));
    const ended = (event: { id: string }) => deliveryWhen(service, key, event.id, isEnded);
    const waiting = (event: { id: string }) => deliveryWhen(service, key, event.id, isWaitingAfter(1));
    const answer = (given: Answer) => (receiver.answer = () => given);
    /** How an attempt is told: `500 after 120 ms`. */
    const outcomeOf = ({ attempts }: ShownDelivery, number = 1): string => {
      const { status_code: status, duration_ms: durationMs } = attempts[number - 1]!;
      return `${status} ${told.after} ${showDuration(locale, durationMs)}`;
    };
    /**
     * The logs of the endpoint since it was made, oldest first; in French with ordinary spaces for those that do not
     * break.
     */
    const logs = async (): Promise<ShownLog[]> =>
      (await readAll<ShownLog>(service, `/v1/logs?endpoint_id=${endpointId}`, key))
        .filter(({ action }) => action !== 'webhook_endpoint.created')
        .map((log) => ({ ...log, description: log.description.replace(/[\u00a0\u202f]/g, ' ') }));
    const logOf = (delivery: ShownDelivery, action: string, status: string, description: string) =>
      expect.objectContaining({
        category: 'webhook',
        action,
        status,
        description,
        operation_id: delivery.operation_id,
        event_id: delivery.event_id,
        endpoint_id: endpointId,
        delivery_id: delivery.id,
        actor: { type: 'system', id: null, name: null, ip: null },
      }) as ShownLog;
    const disabledLog = (description: string, reason: string) =>
      expect.objectContaining({
        category: 'webhook',
        action: 'webhook_endpoint.disabled',
        status: 'failed',
        description,
        endpoint_id: endpointId,
        delivery_id: null,
        metadata: { reason },
      }) as ShownLog;
    /** Logs of transactions that follow each other at once may have the same millisecond, and then any order. */
    const expectInAnyOrder = (shown: readonly ShownLog[], expected: readonly ShownLog[]): void => {
      expect(shown).toEqual(expect.arrayContaining([...expected]));
      expect(shown).toHaveLength(expected.length);
    };
    const untilDisabled = () =>
      until(
        async () =>
          (await service.call('get', `/v1/webhook-endpoints/${endpointId}`, { key })).body.status !== 'enabled',
      );

    it('each failure, the first success after it, and none of the successes that follow', async () => {
      answer({ status: 500 });
      const retried = await publish();
      await makeDue(service, (await waiting(retried)).id);
      const failedTwice = await deliveryWhen(service, key, retried.id, ({ attempt_count: count }) => count === 2);
      // The schedule is used up: this one has failed for good, and the endpoint goes on failing.
      const failed = await waiting(await publish());
      answer({});
      const recovering = await ended(await publish());
      await ended(await publish());
      await makeDue(service, failed.id);
      const late = await ended({ id: failed.event_id });
      await ended(await publish());
      expect(await logs()).toEqual([
        logOf(failedTwice, 'delivery.failed', 'failed', told.failed(host, outcomeOf(failedTwice))),
        logOf(failedTwice, 'delivery.exhausted', 'failed', told.exhausted(host, outcomeOf(failedTwice, 2), 2)),
        logOf(failed, 'delivery.failed', 'failed', told.failed(host, outcomeOf(failed))),
        logOf(recovering, 'delivery.succeeded', 'succeeded', told.recovered(host)),
        logOf(late, 'delivery.succeeded', 'succeeded', told.deliveredAfter(host, 2)),
      ]);
    });

    it('one that no try is left for after a day of failures, and that its endpoint was disabled', async () => {
      answer({ status: 503 });
      const event = await publish();
      const { id } = await waiting(event);
      await service.dataSource.query(
        `UPDATE signalpost.webhook_endpoints SET failing_since = now() - interval '25 hours' WHERE id = $1`,
        [decodeId('we', endpointId)],
      );
      await makeDue(service, id);
      const exhausted = await ended(event);
      await untilDisabled();
      expectInAnyOrder(await logs(), [
        logOf(exhausted, 'delivery.failed', 'failed', told.failed(host, outcomeOf(exhausted))),
        logOf(exhausted, 'delivery.exhausted', 'failed', told.exhausted(host, outcomeOf(exhausted, 2), 2)),
        disabledLog(told.disabledFailing(host), 'failing'),
      ]);
    });

    it('a receiver that is gone, and that its endpoint was disabled', async () => {
      answer({ status: 410 });
      const gone = await ended(await publish());
      await untilDisabled();
      expectInAnyOrder(await logs(), [
        logOf(gone, 'delivery.failed', 'failed', told.gone(host, outcomeOf(gone))),
        disabledLog(told.disabledGone(host), 'gone'),
      ]);
    });

    it('those that the service ends without a try: too old, or deadly to it', async () => {
      answer({ status: 500 });
      const [old, deadly] = [await waiting(await publish()), await waiting(await publish())];
      await service.suspend(account.id);
      const { app, dataSource, config } = service;
      await dataSource.query('UPDATE signalpost.pending_deliveries SET crash_count = 3 WHERE id = $1', [
        decodeId('del', deadly.id),
      ]);
      const past = '01000000-0000-7000-8000-000000000000';
      await dataSource.query('UPDATE signalpost.pending_deliveries SET event_id = $2 WHERE id = $1', [
        decodeId('del', old.id),
        past,
      ]);
      const database = app.get(Database);
      const unsendable = new UnsendableDeliveries(
        database,
        new UnsendableRepository(database, config),
        app.get(LogWriter, { strict: false }),
      );
      const ref = { accountId: decodeId('acct', account.id), mode: 'test' } as const;
      for (const { id } of [old, deadly]) await unsendable.end([{ ...ref, id: decodeId('del', id) }]);
      await service.call('patch', `/v1/admin/accounts/${account.id}`, { body: { status: 'active' } }).expect(200);
      const oldest = { ...old, event_id: expect.stringMatching(/^evt_/) as string };
      expectInAnyOrder((await logs()).slice(2), [
        logOf(oldest, 'delivery.failed', 'failed', told.expired(host)),
        logOf(deadly, 'delivery.failed', 'failed', told.poison(host)),
      ]);
    });
  },
);
