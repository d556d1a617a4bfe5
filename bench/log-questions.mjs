// What is asked of the logs of log-rows.mjs.
import { encodeId } from '../dist/src/common/ids.js';

const YEAR_MS = 365 * 86_400_000;

/** What the 95th percentile of each kind is to be at most, by group; the last group has no aim. */
export const AIMS_MS = { 'kind of question': 50, 'word that only old logs have': 250 };

/** By group, kinds of questions: a name and the parameters of the nth run. `log-rows.mjs` says what is in the logs. */
export function questions(size, account) {
  const at = (share) => new Date(Date.now() - (1 - share) * YEAR_MS).toISOString();
  const spread = (n) => (Math.floor(((n * 7 + 1) / 180) * size) * 10) / 10;
  const narrow = { created_after: at(0.7), created_before: at(0.7003) };
  const words = [
    ['unique word', (n) => ({ q: `${spread(n)}` })],
    ['rare word', () => ({ q: 'rarely' })],
    ['word in half of them', () => ({ q: 'succeeded' })],
    ['word in nearly all', () => ({ q: 'payment' })],
    ['prefix of 11 %', (n) => ({ q: `tag${1 + (n % 9)}` })],
    ['prefix of 1 %', (n) => ({ q: `tag${10 + n}` })],
    ['prefix of one letter', () => ({ q: 't' })],
    ['absent word', (n) => ({ q: `absent${n}` })],
    ['frequent and rare word', () => ({ q: 'payment rarely' })],
  ];
  const neverMeet = ['two frequent words that never meet', () => ({ q: 'pending succeeded' })];
  const filtered = [...words, neverMeet];
  const filters = [
    ['status=failed (2 %)', () => ({ status: 'failed' })],
    ['status=info (none)', () => ({ status: 'info' })],
    ['category=key (none)', () => ({ category: 'key' })],
    ['action, once in 50,000, old', () => ({ action: 'delivery.exhausted' })],
    ['action that is absent', () => ({ action: 'payment.lost' })],
    ['endpoint', (n) => ({ endpoint_id: encodeId('we', `019a4b00-0000-7000-8000-00000000000${n % 3}`) })],
    [
      'endpoint that is absent',
      (n) => ({ endpoint_id: encodeId('we', `019a4b00-0000-7000-8000-0000000001${10 + n}`) }),
    ],
    ['key', () => ({ api_key_id: encodeId('key', account) })],
    ['key that is absent', (n) => ({ api_key_id: encodeId('key', `019a4b00-0000-7000-8000-0000000001${10 + n}`) })],
    ['request that is absent', (n) => ({ request_id: `req_absent_${n}` })],
    ['an hour by occurred_at, old', (n) => ({ occurred_after: at(0.3), occurred_before: at(0.300114 + n / 1e8) })],
    [
      'word in nearly all, two days by occurred_at, old',
      (n) => ({ q: 'payment', occurred_after: at(0.2), occurred_before: at(0.2055 + n / 1e6) }),
    ],
    ['a hundred of a word in half of them', () => ({ q: 'succeeded', status: 'succeeded', limit: '100' })],
    ['a hundred of a prefix of 1 %', (n) => ({ q: `tag${10 + n}`, limit: '100' })],
    ['two days by occurred_at, old', (n) => ({ occurred_after: at(0.2), occurred_before: at(0.2055 + n / 1e6) })],
  ];
  return {
    'kind of question': [
      ...words,
      ...filtered.map(([name, of]) => [`${name}, two hours`, (n) => ({ ...of(n), ...narrow })]),
      ...filtered.map(([name, of]) => [`${name}, status=failed`, (n) => ({ ...of(n), status: 'failed' })]),
      ...filtered.map(([name, of]) => [
        `${name}, action that is absent`,
        (n) => ({ ...of(n), action: 'payment.lost' }),
      ]),
      ...filters,
    ],
    'word that only old logs have': [
      ['old word', () => ({ q: 'ancient' })],
      ['old word, status=failed', () => ({ q: 'ancient', status: 'failed' })],
      ['old word, action', () => ({ q: 'ancient', action: 'payment.pending' })],
    ],
    'frequent words that never meet': [
      neverMeet,
      ['old word, frequent word and status that never meet', () => ({ q: 'ancient delivery', status: 'pending' })],
      ['old word, two frequent words that never meet', () => ({ q: 'ancient pending succeeded' })],
    ],
  };
}
