import type { EventFilters } from '../event-filters.js';
import { eventMatcher } from './event-matcher.js';
import { type EventRow, StreamedEvent } from './streamed-event.js';

const NONE: EventFilters = {
  from: '00000000-0000-0000-0000-000000000000',
  until: null,
  types: [],
  nouns: [],
  operationIds: [],
  operationKinds: [],
  operationStatuses: [],
  references: [],
  externalIds: [],
  terms: [],
  occurredAfter: null,
  occurredBefore: null,
  deliveryStatuses: [],
};
const ROW: EventRow = {
  sequence: 7,
  id: '019a4b00-0000-7000-8000-000000000001',
  type: 'payment.failed',
  externalId: null,
  operationId: 'pay_1',
  operationKind: 'payment',
  operationStatus: 'failed',
  reference: 'INV-1',
  search: ' inv 1 adjoua',
  occurredAtMs: Date.parse('2026-11-02T00:00:00.000Z'),
  body: '{}',
};
const passes = (filters: Partial<EventFilters>, row: Partial<EventRow> = {}, statuses: 'pending'[] | null = null) =>
  eventMatcher({ ...NONE, ...filters })(new StreamedEvent({ ...ROW, ...row }, statuses && new Set(statuses)));

describe('eventMatcher', () => {
  it('lets everything through when nothing is asked', () => {
    expect(passes({})).toBe(true);
  });

  it.each<[string, Partial<EventFilters>, boolean]>([
    ['one of several types', { types: ['collect.failed', 'payment.failed'] }, true],
    ['a type or a noun', { types: ['collect.failed'], nouns: ['payment'] }, true],
    ['a noun that only begins so', { nouns: ['pay'] }, false],
    ['another kind', { operationKinds: ['collect'] }, false],
    ['the beginning of a word', { terms: ['adj'] }, true],
    ['the middle of a word', { terms: ['djoua'] }, false],
    ['all words', { terms: ['inv', 'absent'] }, false],
    ['from its very time', { occurredAfter: '2026-11-02T00:00:00.000Z' }, true],
    ['before its very time', { occurredBefore: '2026-11-02T00:00:00.000Z' }, false],
    ['ids from its own', { from: ROW.id }, true],
    ['ids until its own', { until: ROW.id }, false],
    ['two filters, one of which fails', { references: ['INV-1'], operationStatuses: ['pending'] }, false],
  ])('%s', (_name, filters, expected) => expect(passes(filters)).toBe(expected));

  it('never matches what an event does not have', () => {
    expect(passes({ externalIds: ['null', ''] })).toBe(false);
    expect(passes({ operationKinds: ['payment'] }, { operationKind: null })).toBe(false);
    expect(passes({ deliveryStatuses: ['pending'] })).toBe(false);
    expect(passes({ deliveryStatuses: ['pending', 'failed'] }, {}, ['pending'])).toBe(true);
    expect(passes({ deliveryStatuses: ['failed'] }, {}, ['pending'])).toBe(false);
  });
});
