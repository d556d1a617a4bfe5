import { searchTerms, searchText } from '../../common/search-text.js';
import type { LogFilters } from '../log.js';
import { logMatcher } from './log-matcher.js';
import type { StreamedLogRow } from './streamed-log.js';

const [FROM, ID, UNTIL] = ['019a4b00', '019a4b01', '019a4b02'].map((time) => `${time}-0000-7000-8000-000000000000`) as [
  string,
  string,
  string,
];
const OTHER = '019a4b03-0000-7000-8000-000000000000';
const OCCURRED = '2026-11-02T21:25:52.600Z';
const ms = (plus: number): string => new Date(Date.parse(OCCURRED) + plus).toISOString();

const LOG: StreamedLogRow = {
  id: ID,
  mode: 'test',
  category: 'webhook',
  action: 'delivery.failed',
  status: 'failed',
  description: 'Encaissement INV-1021 échoué',
  operation_id: 'col_93d8',
  event_id: ID,
  endpoint_id: ID,
  delivery_id: null,
  api_key_id: ID,
  request_id: 'req-1',
  actor_type: 'system',
  actor_id: null,
  actor_name: null,
  actor_ip: null,
  http: null,
  metadata: {},
  search: searchText('col_93d8', 'Encaissement INV-1021 échoué'),
  occurred_at: new Date(OCCURRED),
};
const ALL: LogFilters = {
  from: FROM,
  until: null,
  statuses: [],
  categories: [],
  actions: [],
  operationIds: [],
  eventIds: [],
  endpointIds: [],
  apiKeyIds: [],
  requestIds: [],
  occurredAfter: null,
  occurredBefore: null,
  terms: [],
};
const passes = (filters: Partial<LogFilters>, log = LOG): boolean => logMatcher({ ...ALL, ...filters })(log);

describe('the filters of a stream of logs', () => {
  it.each<[Partial<LogFilters>, Partial<LogFilters>]>([
    [{ statuses: ['info', 'failed'] }, { statuses: ['info'] }],
    [{ categories: ['webhook'] }, { categories: ['key', 'api'] }],
    [{ actions: ['delivery.failed'] }, { actions: ['delivery'] }],
    [{ operationIds: ['col_93d8', 'col_1'] }, { operationIds: ['col_93'] }],
    [{ eventIds: [ID] }, { eventIds: [OTHER] }],
    [{ endpointIds: [ID] }, { endpointIds: [OTHER] }],
    [{ apiKeyIds: [OTHER, ID] }, { apiKeyIds: [OTHER] }],
    [{ requestIds: ['req-1'] }, { requestIds: ['req-2'] }],
  ])('one of the values of each must be the log’s: %j passes, %j does not', (right, wrong) => {
    expect(passes(right)).toBe(true);
    expect(passes(wrong)).toBe(false);
    expect(passes({ ...right, statuses: ['pending'] })).toBe(false);
  });

  it('nothing is one of the values of a filter', () => {
    const bare = { ...LOG, operation_id: null, event_id: null, endpoint_id: null, api_key_id: null, request_id: null };
    expect(passes({}, bare)).toBe(true);
    expect(passes({ operationIds: ['null'] }, bare)).toBe(false);
    expect(passes({ endpointIds: [ID] }, bare)).toBe(false);
  });

  it.each([
    ['ECHOUE inv', true],
    ['1021', true],
    ['93d', true],
    ['echoue absent', false],
    ['caissement', false],
  ])('every word must begin one of the log: %s', (q, expected) => {
    expect(passes({ terms: searchTerms(q) })).toBe(expected);
  });

  it('an interval includes its start and not its end, of ids and of when it happened', () => {
    expect([ms(0), ms(1)].map((occurredAfter) => passes({ occurredAfter }))).toEqual([true, false]);
    expect([ms(0), ms(1)].map((occurredBefore) => passes({ occurredBefore }))).toEqual([false, true]);
    expect([ID, OTHER].map((from) => passes({ from }))).toEqual([true, false]);
    expect([ID, UNTIL].map((until) => passes({ until }))).toEqual([false, true]);
  });
});
