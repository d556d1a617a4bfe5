import { AppError } from '../common/app-error.js';
import { MAX_BATCH_EVENTS, parseBatch } from './batch-input.js';

const parse = (text: string) => parseBatch(Buffer.from(text));
const fieldsOf = (item: unknown): string[] | null =>
  item instanceof AppError ? item.errors.map(({ field, code }) => `${field}: ${code}`) : null;

function refusal(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [`${error.status} ${error.code}`, ...error.errors.map(({ field, code }) => `${field}: ${code}`)];
  }
  throw new Error('taken');
}

describe('parseBatch', () => {
  it('hands on good items as given and puts an error in the place of each bad one, named from the item', () => {
    const items = parse(
      '{"events":[{"type":"a.b"},{"data":{"n":9007199254740993}},"x",null,{"data":{"t":"\\u0000"}},{"mode":"test"}]}',
    );
    expect(items.map(fieldsOf)).toEqual([
      null,
      ['data.n: unsafe_integer'],
      [': wrong_type'],
      [': wrong_type'],
      ['data.t: invalid_character'],
      null,
    ]);
    expect(items[0]).toEqual({ type: 'a.b' });
  });

  it('finds what cannot be stored in every item, however many there are', () => {
    const bad = Array.from({ length: 60 }, () => '{"data":{"t":"\\u0000","n":1e400}}').join(',');
    const items = parse(`{"events":[${bad}]}`);
    expect(items.map(fieldsOf)).toEqual(
      Array.from({ length: 60 }, () => ['data.t: invalid_character', 'data.n: unsafe_integer']),
    );
  });

  it('refuses an item over 256 KiB by itself', () => {
    const big = JSON.stringify({ data: { list: Array.from({ length: 20 }, () => 'x'.repeat(16_000)) } });
    const [first, second] = parse(`{"events":[${big},{"type":"a.b"}]}`);
    expect((first as AppError).code).toBe('body_too_large');
    expect(second).toEqual({ type: 'a.b' });
  });

  it.each([
    ['[]', ['422 invalid_input', ': wrong_type']],
    ['{}', ['422 invalid_input', 'events: required']],
    ['{"events":{}}', ['422 invalid_input', 'events: wrong_type']],
    ['{"events":[]}', ['422 invalid_input', 'events: too_short']],
    ['{"events":[{}],"mode":"test"}', ['422 invalid_input', 'mode: unknown_field']],
    [`{"events":[${'{},'.repeat(MAX_BATCH_EVENTS)}{}]}`, ['422 invalid_input', 'events: too_long']],
    ['{"events":[{}]', ['400 malformed_json']],
    ['', ['400 body_required']],
  ])('refuses the whole of %.40s', (text, expected) => {
    expect(refusal(text)).toEqual(expected);
  });
});
