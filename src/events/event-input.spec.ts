import { AppError } from '../common/app-error.js';
import { parseEventInput, parseOccurredAt } from './event-input.js';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');

function refusal(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.errors.map(({ field, code }) => `${field}: ${code}`);
  }
  throw new Error('taken');
}

describe('parseEventInput', () => {
  it('takes every field of the contract, and null wherever a field may be left out', () => {
    const cleared = { amount: null, currency: null, reference: null, channel: null, customer: null, cause: null };
    const input = { type: 'collect.failed', operation: { id: 'A.b_c:d-1', ...cleared, metadata: null } };
    expect(parseEventInput(input)).toBe(input);
    for (const value of [null, undefined]) {
      expect(() => parseEventInput({ type: 'a.b', operation: value, data: value, occurred_at: value })).not.toThrow();
    }
  });

  it.each<[string, object, string[]]>([
    ['no type', {}, ['type: required']],
    ['another type of value', { type: 5 }, ['type: wrong_type']],
    ['an unknown field', { type: 'a.b', amount: 5 }, ['amount: unknown_field']],
    ['an unknown field further in', { operation: { id: 'a', sum: 5 } }, ['operation.sum: unknown_field']],
    ['no id of the operation', { operation: {} }, ['operation.id: required']],
    ['an id with a space', { operation: { id: 'a b' } }, ['operation.id: invalid_format']],
    ['an id of 129 characters', { operation: { id: 'a'.repeat(129) } }, ['operation.id: invalid_format']],
    ['another kind', { operation: { id: 'a', kind: 'loan' } }, ['operation.kind: not_one_of']],
    ['another status', { operation: { id: 'a', status: 'done' } }, ['operation.status: not_one_of']],
    ['a negative amount', { operation: { id: 'a', amount: -1 } }, ['operation.amount: out_of_range']],
    ['a fraction as amount', { operation: { id: 'a', amount: 1.5 } }, ['operation.amount: wrong_type']],
    ['an amount as text', { operation: { id: 'a', amount: '100' } }, ['operation.amount: wrong_type']],
    [
      'a currency in small letters',
      { operation: { id: 'a', currency: 'xof' } },
      ['operation.currency: invalid_format'],
    ],
    ['a long reference', { operation: { id: 'a', reference: 'x'.repeat(201) } }, ['operation.reference: too_long']],
    ['a customer as text', { operation: { id: 'a', customer: 'A' } }, ['operation.customer: wrong_type']],
    [
      'an unknown field of the customer',
      { operation: { id: 'a', customer: { iban: 'x' } } },
      ['operation.customer.iban: unknown_field'],
    ],
    ['a list as data', { data: [] }, ['data: wrong_type']],
    ['an external id that is empty', { external_id: '' }, ['external_id: invalid_format']],
    ['an external id that is not ASCII', { external_id: 'é' }, ['external_id: invalid_format']],
    ['several at once', { data: 1, external_id: 1 }, ['data: wrong_type', 'external_id: wrong_type']],
  ])('names the field of %s', (_, input, expected) => {
    expect(
      refusal(() => parseEventInput({ ...(expected[0] !== 'type: required' && { type: 'a.b' }), ...input })),
    ).toEqual(expected);
  });
});

it('says in words what a pattern wants', () => {
  const input = { type: 'a.b', external_id: 'é', operation: { id: '', currency: 'xof' } };
  const messages = () => {
    try {
      parseEventInput(input);
    } catch (error) {
      return (error as AppError).errors.map(({ message }) => message);
    }
    return [];
  };
  expect(messages().sort()).toEqual([
    'Use 1 to 128 letters, digits or any of . _ : -',
    'Use 1 to 255 printable ASCII characters.',
    'Use three capital letters, such as XOF.',
  ]);
});

describe('parseOccurredAt', () => {
  const parse = (text: string) => parseOccurredAt(text, NOW, 400);

  it('turns a time with an offset to UTC', () => {
    expect(parse('2026-11-22T14:30:00+02:30')).toBe(NOW);
    expect(parseOccurredAt(null, NOW, 400)).toBeNull();
  });

  it.each(['2026-11-22T12:00:00', '2026-02-30T12:00:00Z', 'yesterday', '1763812800'])('refuses %s', (text) => {
    expect(refusal(() => parse(text))).toEqual(['occurred_at: invalid_time']);
  });

  it('takes the retention back and ten minutes ahead, to the millisecond', () => {
    const iso = (timeMs: number) => new Date(timeMs).toISOString();
    const [earliest, latest] = [NOW - 400 * 86_400_000, NOW + 600_000];
    expect([parse(iso(earliest)), parse(iso(latest))]).toEqual([earliest, latest]);
    for (const timeMs of [earliest - 1, latest + 1]) {
      expect(refusal(() => parse(iso(timeMs)))).toEqual(['occurred_at: out_of_range']);
    }
  });
});
