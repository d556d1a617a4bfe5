// What is asked of a history, by group: `[list, filter, place]`. `@` in a filter is the account's second endpoint; the
// place `deep` begins three months before the oldest end. history-data.mjs says what is in it.
import { DAYS } from './history-data.mjs';

const ago = (days) => new Date(Date.now() - days * 86_400_000).toISOString();

const ALL = [
  ['events', ''],
  ...['payment.failed', 'payment.*', 'payout.sent', 'payment.none'].map((type) => ['events', `type=${type}`]),
  ['events', 'type=payment.failed&type=collect.expired'],
  ['events', 'operation_id=pay_360'],
  ['events', 'operation_id=none'],
  ['events', 'operation_kind=collect'],
  ['events', 'operation_status=refunded'],
  ['events', 'operation_kind=collect&operation_status=refunded'],
  ...['INV-2026-1201', 'SUBSCRIPTION', 'NONE'].map((reference) => ['events', `reference=${reference}`]),
  ['events', 'external_id=led-24'],
  ['events', 'external_id=none'],
  ...['adjoua', 'zuleika', 'last5', 'nobody'].map((q) => ['events', `q=${q}`]),
  ['events', `created_after=${ago(30)}`],
  ['events', `occurred_before=${ago(200)}`],
  ['events', `occurred_after=${ago(DAYS + 9)}&occurred_before=${ago(DAYS + 5)}`],
  ...['failed', 'skipped', 'cancelled', 'pending', 'succeeded'].map((status) => [
    'events',
    `delivery_status=${status}`,
  ]),
  ['events', 'type=payment.failed&reference=SUBSCRIPTION'],
  ['events', 'operation_kind=payment&q=nobody'],
  ['events', 'q=adjoua&limit=100'],
  ['events', 'q=adjoua%20last5'],
  ['events', 'q=adjoua%20nobody'],
  ['events', 'type=collect.expired&q=zuleika'],
  ['events', 'type=payout.sent&delivery_status=skipped'],
  ['events', 'reference=SUBSCRIPTION&delivery_status=skipped'],
  ['events', 'q=adjoua&operation_status=refunded'],
  ['events', 'type=payment.failed&limit=100', 'deep'],
  ['events', 'operation_kind=payment', 'deep'],
  ['operations', ''],
  ...['kind=collect', 'status=refunded', 'kind=collect&status=refunded'].map((filter) => ['operations', filter]),
  ...['INV-2026-1201', 'SUBSCRIPTION', 'NONE'].map((reference) => ['operations', `reference=${reference}`]),
  ...['adjoua', 'zuleika', 'nobody'].map((q) => ['operations', `q=${q}`]),
  ['operations', 'q=adjoua&limit=100'],
  ['operations', `created_before=${ago(200)}`],
  ['operations', 'status=refunded&q=adjoua'],
  ['operations', 'status=succeeded&q=subscription%20zuleika'],
  ['operations', 'status=succeeded&q=adjoua%20nobody'],
  ['operations/pay_360/timeline', ''],
  ['deliveries', ''],
  ['deliveries', 'endpoint_id=@'],
  ['deliveries', 'endpoint_id=@&status=failed'],
  ...['failed', 'skipped', 'cancelled', 'pending', 'succeeded'].map((status) => ['deliveries', `status=${status}`]),
  ['deliveries', 'operation_id=pay_360'],
  ['deliveries', 'operation_id=none'],
  ['logs', ''],
  ...['succeeded', 'refunded', 'nobody'].map((q) => ['logs', `q=${q}`]),
  ['logs', 'status=failed'],
  ['logs', 'action=payout.sent'],
  ['logs', 'operation_id=pay_360'],
  ['logs', `occurred_before=${ago(200)}`],
];

/** The cases of each group that the table has. */
export const GROUPS = {
  timeline: ALL.filter(([list]) => list.endsWith('timeline')),
  'search by words': ALL.filter(([, filter]) => filter.includes('q=')),
  'lists without a filter': ALL.filter(([list, filter]) => filter === '' && !list.endsWith('timeline')),
  filters: ALL.filter(([list, filter]) => filter !== '' && !filter.includes('q=')),
};
