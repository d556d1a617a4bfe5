import { expectProblem } from './support/problems.js';
import { goodId, ThingApp } from './support/thing-app.js';

const part = { amount: 1 };
const id = goodId;

describe('input', () => {
  const things = new ThingApp();
  const post = things.post.bind(things);
  const get = things.get.bind(things);
  beforeAll(() => things.start());
  afterAll(() => things.app.close());

  describe('bodies', () => {
    it.each<[string, object, string[]]>([
      ['a missing field', {}, ['part: required']],
      ['null where none may be', { part: null }, ['part: wrong_type']],
      ['a list for an object', { part: [part] }, ['part: wrong_type']],
      ['text for an object', { part: 'x' }, ['part: wrong_type']],
      ['an unknown field', { part, x: 1 }, ['x: unknown_field']],
      ['an unknown nested field', { part: { ...part, x: 1 } }, ['part.x: unknown_field']],
      ['text for a number', { part: { amount: '1' } }, ['part.amount: wrong_type']],
      ['a fraction', { part: { amount: 1.5 } }, ['part.amount: wrong_type']],
      ['a number below its range', { part: { amount: -1 } }, ['part.amount: out_of_range']],
      ['long text', { part: { amount: 1, name: 'abcdef' } }, ['part.name: too_long']],
      ['empty text', { part: { amount: 1, name: '' } }, ['part.name: too_short']],
      ['a wrong item', { part, parts: [part, { amount: true }] }, ['parts[1].amount: wrong_type']],
      ['an item that is no object', { part, parts: [part, 7] }, ['parts[1]: wrong_type']],
      ['a long list', { part, parts: [part, part, part] }, ['parts: too_long']],
      ['an object for a list', { part, kinds: { 0: 'a' } }, ['kinds: wrong_type']],
      ['a word that is none of those', { part, kinds: ['a', 'c'] }, ['kinds[1]: not_one_of']],
      ['a word twice', { part, kinds: ['a', 'a'] }, ['kinds[1]: repeated']],
      ['a day that does not exist', { part, at: '2026-02-30T00:00:00Z' }, ['at: invalid_time']],
      ['a time without an offset', { part, at: '2026-02-03T00:00:00' }, ['at: invalid_time']],
      ['a number in a map', { part, metadata: { a: 1 } }, ['metadata: wrong_type']],
      ['a large map', { part, metadata: { a: '1', b: '2', c: '3' } }, ['metadata: too_long']],
      [
        'several at once',
        { part: { amount: 'x', y: 1 }, at: 5 },
        ['part.y: unknown_field', 'part.amount: wrong_type', 'at: wrong_type'],
      ],
    ])('names the field for %s', async (_what, body, fields) => {
      const expected = [...fields].sort();
      for (const path of ['/v1/things', '/v1/plain']) {
        const response = await post(path, JSON.stringify(body));
        expectProblem(response, 422, 'invalid_input');
        const errors = (response.body as { errors: { field: string; code: string }[] }).errors;
        expect(errors.map((error) => `${error.field}: ${error.code}`).sort()).toEqual(expected);
      }
    });

    it('gives what is right to the handler, times in UTC', async () => {
      const body = {
        part: { amount: 1, name: null },
        kinds: ['b'],
        at: '2026-02-03T01:00:00+02:00',
        metadata: { a: 'b' },
      };
      const response = await post('/v1/things', JSON.stringify(body));
      expect(response.body).toEqual({ body: { ...body, at: '2026-02-02T23:00:00.000Z' } });
    });
  });

  describe('query strings', () => {
    it('reads numbers, lists, booleans, ids and times', async () => {
      const response = await get(
        `/v1/things?limit=5&type=a&type=b&dry_run=false&event_id=${id}&created_after=2026-01-01T00:00:00+01:00`,
      );
      expect((response.body as { query: object }).query).toEqual({
        limit: 5,
        type: ['a', 'b'],
        dry_run: false,
        event_id: id,
        created_after: '2025-12-31T23:00:00.000Z',
      });
      expect((await get('/v1/things?type=a')).body).toMatchObject({ query: { limit: 20, type: ['a'] } });
    });

    it.each([
      ['limit=0', 'limit: out_of_range'],
      ['limit=101', 'limit: out_of_range'],
      ['limit=1e9', 'limit: wrong_type'],
      ['limit=99999999999999999999', 'limit: unsafe_integer'],
      ['limit=', 'limit: wrong_type'],
      ['limit=5&limit=6', 'limit: repeated'],
      ['x=1', 'x: unknown_field'],
      ['__proto__=1', '__proto__: unknown_field'],
      ['constructor=1', 'constructor: unknown_field'],
      ['type=', 'type[0]: too_short'],
      ['type=a%00', 'type[0]: invalid_character'],
      ['type=%ff', 'type[0]: invalid_character'],
      ['type=%ed%a0%80', 'type[0]: invalid_character'],
      ['dry_run=yes', 'dry_run: wrong_type'],
      ['created_after=yesterday', 'created_after: invalid_time'],
      ['created_after=2026-01-01', 'created_after: invalid_time'],
      ['event_id=evt_1', 'event_id: invalid_id'],
      [`event_id=${id.replace('evt', 'we')}`, 'event_id: invalid_id'],
      ['starting_after=nonsense', 'starting_after: invalid_id'],
      [`starting_after=${id}&ending_before=${id}`, 'ending_before: conflicting_parameters'],
    ])('refuses %s', async (query, field) => {
      expectProblem(await get(`/v1/things?${query}`), 422, 'invalid_input', [field]);
    });
  });
});
