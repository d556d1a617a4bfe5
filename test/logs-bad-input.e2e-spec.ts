import { LogBook } from './support/log-book.js';
import { Service } from './support/service.js';

describe('wrong and extreme questions to logs', () => {
  let service: Service;
  let key: string;
  let logs: LogBook;
  beforeAll(async () => {
    service = await Service.start();
    logs = LogBook.of(service, await service.makeAccount());
    key = logs.key;
  });
  afterAll(() => service.stop());

  it.each(['%25', '_', "'", '%22%27%28%26%7C', '!', '%F0%9F%98%80'])('q=%s has no word: 422', async (q) => {
    expect(await logs.wrongFields(`q=${q}`)).toEqual(['q']);
  });

  it.each(["a%25b_'%22", 'a+%26+%21b+%7C+%28c%29', 'pay%3A*', '%5C%5Ca', "x'+OR+1%3D1+--"])(
    'q=%s is words and nothing else',
    async (q) => {
      expect(await logs.found(`q=${q}`)).toEqual([]);
    },
  );

  it.each([
    ['status=done', 'status[0]'],
    ['category=x', 'category[0]'],
    ['event_id=we_01k96sd3k8e2r9wq6m4h0v5xtz', 'event_id[0]'],
    ['created_after=yesterday', 'created_after'],
    ['limit=0', 'limit'],
    ['starting_after=evt_01k96sd3k8e2r9wq6m4h0v5xtz', 'starting_after'],
    ['colour=red', 'colour'],
    ['q=', 'q'],
    [`q=${'a'.repeat(201)}`, 'q'],
  ])('%s is refused', async (query, field) => {
    expect((await logs.wrongFields(query)).map((name) => name.replace('[0]', ''))).toEqual([field.replace('[0]', '')]);
  });

  describe.each(['/v1/logs', '/v1/logs/export', '/v1/logs/stream', '/v1/admin/logs'])('wrong input to %s', (path) => {
    it.each([
      ['q=', 'q'],
      ['q=%00', 'q'],
      ['q=%26%7C%21%28%29%3A%2A%27', 'q'],
      [`q=${'a'.repeat(10_000)}`, 'q'],
      [`q=${Array.from({ length: 21 }, (_, n) => `w${n}x`).join('+')}`, 'q'],
      ['created_after=2026-01-02T00:00:00Z&created_before=2026-01-01T00:00:00Z', 'created_before'],
      ['occurred_after=9999-12-31T23:59:59Z&occurred_before=0001-01-01T00:00:00Z', 'occurred_before'],
      ['created_after=2026-02-30T00:00:00Z', 'created_after'],
      ['created_before=soon', 'created_before'],
      ['endpoint_id=we_00000000000000000000000001', 'endpoint_id'],
      [Array.from({ length: 21 }, (_, n) => `action=a${n}`).join('&'), 'action'],
    ])('%.60s is told to be wrong, naming %s', async (query, field) => {
      const by = path.includes('admin') ? service.adminKey : key;
      const { body } = await service.call('get', `${path}?${query}`, { key: by }).expect(422);
      expect(body.errors[0].field.split('[')[0]).toBe(field);
    });
  });

  it.each([
    'created_after=0001-01-01T00:00:00Z&created_before=0001-01-02T00:00:00Z&q=note',
    'created_after=9999-12-31T00:00:00Z&status=info',
    'occurred_after=0001-01-01T00:00:00Z&occurred_before=0001-01-02T00:00:00Z&q=note',
    'occurred_after=9999-12-30T00:00:00Z&occurred_before=9999-12-31T00:00:00Z',
    `q=${'%F0%9D%92%B3'.repeat(100)}`,
    `q=${'%EF%B7%BA'.repeat(150)}`,
    `action=${encodeURIComponent(`'\\:*&|!()`)}&request_id=${encodeURIComponent(`a' b`)}`,
    `starting_after=log_7zzzzzzzzzzzzzzzzzzzzzzzzz&q=absent`,
    `ending_before=log_00000000000000000000000000&q=absent`,
  ])('the ends of what can be asked are answered: %.80s', async (query) => {
    await logs.note({ description: 'Something' });
    expect((await logs.list(query)).data).toEqual([]);
  });

  it('a q beyond what any URL may have is refused before it is read', async () => {
    const path = `/v1/logs?q=${'a'.repeat(100_000)}`;
    expect(await service.outcome('get', path, { key: logs.key })).toBe('431 headers_too_large');
  });
});
