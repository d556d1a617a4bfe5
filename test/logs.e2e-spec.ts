import { decodeId, encodeId, newUuid } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { LogWriter, type NewLog } from '../src/logs/log-writer.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { type MadeAccount, Service } from './support/service.js';

interface ShownLog {
  id: string;
  action: string;
  description: string;
  status: string;
  created_at: string;
  [name: string]: unknown;
}

const DAY_MS = 86_400_000;

describe('Logs', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => (service = await Service.start({ environment: { RETENTION_DAYS: '30' } })));
  afterAll(() => service.stop());
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });

  const note = async (body: object, headers = {}): Promise<ShownLog> =>
    (
      await service
        .call('post', '/v1/logs', {
          key,
          headers,
          body: { action: 'note.made', status: 'info', description: 'A note', ...body },
        })
        .expect(201)
    ).body as ShownLog;
  const list = async (query: string, by = key): Promise<{ data: ShownLog[]; has_more: boolean }> =>
    (await service.call('get', `/v1/logs?${query}`, { key: by }).expect(200)).body as {
      data: ShownLog[];
      has_more: boolean;
    };
  const found = async (query: string): Promise<string[]> =>
    (await list(query)).data.map(({ description }) => description);
  const wrongFields = async (query: string): Promise<string[]> =>
    (await service.call('get', `/v1/logs?${query}`, { key }).expect(422)).body.errors.map(
      ({ field }: { field: string }) => field,
    );
  const write = (logs: Partial<NewLog>[]): Promise<readonly string[]> =>
    service.app.get(LogWriter, { strict: false }).write(
      logs.map((log) => ({
        accountId: decodeId('acct', account.id),
        mode: 'test' as const,
        category: 'operation' as const,
        action: 'note.made',
        status: 'info' as const,
        description: 'Bulk',
        ...log,
      })),
    );

  it('a log that an account writes comes back whole, with cards and keys covered', async () => {
    const log = await note(
      {
        operation_id: 'col_93d8',
        status: 'succeeded',
        description: 'Paid by 4111 1111 1111 1111',
        occurred_at: '2026-11-02T22:25:52+01:00',
        metadata: { card: 4111111111111111, nested: [`sk_live_${'a'.repeat(48)}`] },
      },
      { 'request-id': 'req-note-1' },
    );
    expect(log).toEqual({
      id: expect.stringMatching(/^log_/),
      object: 'log',
      mode: 'test',
      category: 'operation',
      action: 'note.made',
      status: 'succeeded',
      description: 'Paid by ****1111',
      operation_id: 'col_93d8',
      event_id: null,
      endpoint_id: null,
      delivery_id: null,
      api_key_id: account.test.secretKeyId,
      request_id: 'req-note-1',
      actor: { type: 'key', id: account.test.secretKeyId, name: 'Secret key', ip: '127.0.0.1' },
      http: null,
      metadata: { card: '****1111', nested: ['sk_live_****'] },
      occurred_at: '2026-11-02T21:25:52.000Z',
      created_at: expect.stringMatching(/Z$/),
    });
    expect((await service.call('get', `/v1/logs/${log.id}`, { key }).expect(200)).body).toEqual(log);
    expect((await list('operation_id=col_93d8')).data).toEqual([log]);
  });

  it('admin writes for an account under the name of the person who acts', async () => {
    const headers = {
      'signalpost-account': account.id,
      'signalpost-mode': 'test',
      'signalpost-actor': 'Awa at the desk',
    };
    const body = { action: 'call.made', status: 'info', description: 'Called the shop' };
    const { body: log } = await service.call('post', '/v1/logs', { headers, body }).expect(201);
    expect(log.actor).toMatchObject({ type: 'admin', name: 'Awa at the desk' });
    expect((await list('action=call.made')).data[0]).toEqual(log);
  });

  it('one Idempotency-Key makes one log', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await note({ description: 'Once' }, headers);
    expect(await note({ description: 'Once' }, headers)).toEqual(first);
    expect(await found('action=note.made')).toEqual(['Once']);
  });

  it.each([
    [{ action: 'no spaces' }, 'action'],
    [{ action: undefined }, 'action'],
    [{ status: 'done' }, 'status'],
    [{ description: 'x'.repeat(1_001) }, 'description'],
    [{ description: 'a\u0000b' }, 'description'],
    [{ operation_id: 'a b' }, 'operation_id'],
    [{ occurred_at: '2026-11-02' }, 'occurred_at'],
    [{ metadata: [] }, 'metadata'],
    [{ category: 'api' }, 'category'],
  ])('writing %j is refused, naming %s', async (wrong, field) => {
    const body = { action: 'note.made', status: 'info', description: 'A note', ...wrong };
    const { body: problem } = await service.call('post', '/v1/logs', { key, body }).expect(422);
    expect(problem.errors.map((error: { field: string }) => error.field)).toEqual([field]);
  });

  it('pages newest first, neither repeating nor missing, both ways', async () => {
    await write(Array.from({ length: 25 }, (_, index) => ({ description: `n${index}` })));
    const seen: string[] = [];
    let query = 'limit=10&action=note.made';
    for (let page = await list(query); ; page = await list(query)) {
      seen.push(...page.data.map(({ description }) => description));
      if (!page.has_more) break;
      query = `limit=10&action=note.made&starting_after=${page.data.at(-1)!.id}`;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `n${24 - index}`));
    const [oldest] = (await list('limit=1&q=n0')).data;
    const nearest = await list(`limit=3&ending_before=${oldest!.id}`);
    expect(nearest.data.map(({ description }) => description)).toEqual(['n3', 'n2', 'n1']);
    expect(nearest.has_more).toBe(true);
    expect(await wrongFields(`starting_after=${oldest!.id}&ending_before=${oldest!.id}`)).toEqual(['ending_before']);
  });

  it('finds words and prefixes without regard to accents and case, together with other filters', async () => {
    await note({ description: 'Encaissement INV-1021 échoué', status: 'failed', operation_id: 'col_93d8' });
    await note({ description: 'Encaissement INV-1022 réussi', status: 'succeeded' });
    expect(await found('q=ECHOUE')).toEqual(['Encaissement INV-1021 échoué']);
    expect(await found('q=inv-1022')).toEqual(['Encaissement INV-1022 réussi']);
    expect(await found('q=col_93')).toEqual(['Encaissement INV-1021 échoué']);
    expect(await found('q=encais&status=succeeded')).toEqual(['Encaissement INV-1022 réussi']);
    expect(await found('q=encais&status=succeeded&status=failed')).toHaveLength(2);
    expect(await found('q=1022+1021')).toEqual([]);
    expect(await found('q=ncaissement')).toEqual([]);
    expect(await found('q=inv&operation_id=col_93d8&operation_id=col_none')).toHaveLength(1);
    expect(await found('q=inv&operation_id=col_93d8&status=succeeded')).toEqual([]);
  });

  it.each(['%25', '_', "'", '%22%27%28%26%7C', '!', '%F0%9F%98%80'])('q=%s has no word: 422', async (q) => {
    expect(await wrongFields(`q=${q}`)).toEqual(['q']);
  });

  it.each(["a%25b_'%22", 'a+%26+%21b+%7C+%28c%29', 'pay%3A*', '%5C%5Ca', "x'+OR+1%3D1+--"])(
    'q=%s is words and nothing else',
    async (q) => {
      expect(await found(`q=${q}`)).toEqual([]);
    },
  );

  it('an interval includes its start and not its end', async () => {
    const [first, second] = [await note({ description: 'first' }), await note({ description: 'second' })];
    await service.app.get(Database).pool.query('SELECT pg_sleep(0.002)');
    const third = await note({ description: 'third' });
    expect(await found(`created_after=${first.created_at}&created_before=${third.created_at}&q=first`)).toEqual([
      'first',
    ]);
    expect(await found(`created_after=${second.created_at}&q=third`)).toEqual(['third']);
    expect(await found(`created_before=${third.created_at}&q=third`)).toEqual([]);
    await note({ description: 'long ago', occurred_at: '2020-01-01T00:00:00Z' });
    expect(await found('occurred_after=2020-01-01T00:00:00Z&occurred_before=2020-01-01T00:00:01Z')).toEqual([
      'long ago',
    ]);
    expect(await found('occurred_before=2020-01-01T00:00:00Z')).toEqual([]);
    const reversed = 'after=2026-01-02T00:00:00Z&X_before=2026-01-01T00:00:00Z';
    expect(await wrongFields(`created_${reversed.replace('X', 'created')}`)).toEqual(['created_before']);
    expect(await wrongFields(`occurred_${reversed.replace('X', 'occurred')}`)).toEqual(['occurred_before']);
  });

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
    expect((await wrongFields(query)).map((name) => name.replace('[0]', ''))).toEqual([field.replace('[0]', '')]);
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
    await note({});
    expect((await list(query)).data).toEqual([]);
  });

  it('finds what lies behind more rows than one step looks at, both ways', async () => {
    const [oldest] = await write([{ description: 'needle old' }]);
    for (let chunk = 0; chunk < 8; chunk += 1) await write(Array.from({ length: 1_000 }, () => ({})));
    await write([{ description: 'needle new' }]);
    expect(await found('q=needle')).toEqual(['needle new', 'needle old']);
    expect(await found(`q=needle&ending_before=${encodeId('log', oldest!)}`)).toEqual(['needle new']);
    expect(await found('q=absent')).toEqual([]);
  });

  it('a log of another account or mode, an unknown, a malformed and an expired one', async () => {
    const log = await note({});
    const other = await service.makeAccount();
    for (const by of [other.test.secretKey, account.live.secretKey]) {
      expect(await service.outcome('get', `/v1/logs/${log.id}`, { key: by })).toBe('404 not_found');
      expect((await list('action=note.made', by)).data).toEqual([]);
    }
    const at = (timeMs: number): string => encodeId('log', newUuid(timeMs));
    expect(await service.outcome('get', `/v1/logs/${at(Date.now())}`, { key })).toBe('404 not_found');
    expect(await service.outcome('get', `/v1/logs/${at(Date.now() - 32 * DAY_MS)}`, { key })).toBe('410 expired');
    expect(await service.outcome('get', `/v1/logs/${at(Date.now() - 29 * DAY_MS)}`, { key })).toBe('404 not_found');
    expect(await service.outcome('get', '/v1/logs/evt_01k96sd3k8e2r9wq6m4h0v5xtz', { key })).toBe('422 invalid_input');
  });

  it('what is older than the retention is hidden, and an interval that begins earlier is answered from there', async () => {
    const midnightMs = Date.now() - (Date.now() % DAY_MS) - 30 * DAY_MS;
    await service.app.get(Database).pool.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, actor_type, occurred_at)
       SELECT $1, 'test', id, 'operation', 'note.made', 'info', description, 'system', now()
       FROM unnest($2::uuid[], $3::text[]) AS g (id, description)`,
      [decodeId('acct', account.id), [newUuid(midnightMs - 1), newUuid(midnightMs)], ['hidden', 'kept']],
    );
    for (const query of ['', 'action=note.made', 'created_after=2001-01-01T00:00:00Z']) {
      const shown = (await found(query)).filter((description) => ['hidden', 'kept'].includes(description));
      expect(shown).toEqual(['kept']);
    }
    expect(await found('created_before=2001-01-01T00:00:00Z')).toEqual([]);
  });

  it('is for secret keys and for restricted ones with the scope', async () => {
    const reader = await service.makeRestrictedKey(key, { scopes: ['logs:read'] });
    const stranger = await service.makeRestrictedKey(key, { scopes: ['events:read'] });
    const body = { action: 'a', status: 'info', description: 'b' };
    for (const path of ['/v1/logs', '/v1/logs/export', `/v1/logs/${(await note({})).id}`]) {
      expect(await service.outcome('get', path, { key: null })).toBe('401 missing_api_key');
      expect(await service.outcome('get', path, { key: account.test.publicKey })).toBe('403 secret_key_required');
      expect(await service.outcome('get', path, { key: stranger.key })).toBe('403 insufficient_scope');
      expect(await service.outcome('get', path, { key: reader.key })).toBe('200');
      expect(await service.outcome('get', path)).toBe('400 acting_headers_required');
    }
    expect(await service.outcome('post', '/v1/logs', { key: reader.key, body })).toBe('403 insufficient_scope');
  });

  describe('export', () => {
    it('CSV has a header, the columns of the contract, and no cell that a spreadsheet would run', async () => {
      const log = await note({ description: '=HYPERLINK("x","y"), "quoted"', metadata: { a: 1 } });
      const answer = await service.call('get', '/v1/logs/export?action=note.made', { key }).expect(200);
      expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
      expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="logs-test-\d{4}-\d\d-\d\d\.csv"$/);
      expect(answer.text.split('\r\n')).toEqual([
        'id,occurred_at,created_at,category,action,status,description,operation_id,event_id,endpoint_id,delivery_id,api_key_id,request_id,actor_type,actor_name,metadata',
        `${log.id},${log.occurred_at as string},${log.created_at},operation,note.made,info,"'=HYPERLINK(""x"",""y""), ""quoted""",,,,,${account.test.secretKeyId},${log.request_id as string},key,Secret key,"{""a"":1}"`,
        '',
      ]);
    });

    it('NDJSON is the objects of the list, all of them, over many pages', async () => {
      for (let chunk = 0; chunk < 3; chunk += 1) {
        await write(Array.from({ length: 900 }, (_, index) => ({ description: `row ${chunk * 900 + index}` })));
      }
      const path = '/v1/logs/export?format=ndjson&action=note.made';
      const { text, headers } = await service
        .call('get', path, { key })
        .buffer(true)
        .parse(asText)
        .expect(200)
        .then(textOf);
      expect(headers['content-type']).toMatch(/^application\/x-ndjson/);
      const logs = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as ShownLog);
      expect(logs.map(({ description }) => description)).toEqual(
        Array.from({ length: 2_700 }, (_, index) => `row ${2_699 - index}`),
      );
      expect(logs.slice(0, 2)).toEqual((await list('limit=2&action=note.made')).data);
    });

    it('nothing found is a file all the same; a wrong filter is a problem', async () => {
      const { text } = await service.call('get', '/v1/logs/export?q=absent', { key }).expect(200);
      expect(text).toMatch(/^id,.*metadata\r\n$/);
      expect(await service.outcome('get', '/v1/logs/export?format=xml', { key })).toBe('422 invalid_input');
      expect(await service.outcome('get', '/v1/logs/export?limit=1', { key })).toBe('422 invalid_input');
    });
  });

  describe('of requests', () => {
    const requests = async (query = ''): Promise<ShownLog[]> => {
      await service.app.get(RequestLogger, { strict: false }).runOnce();
      return (await list(`category=api&${query}`)).data;
    };

    it('a write and a refused request leave one each, with request, key and outcome', async () => {
      const restricted = await service.makeRestrictedKey(key, { scopes: ['events:read'] });
      await service.call('get', '/v1/logs', { key: restricted.key, headers: { 'request-id': 'req-refused' } });
      const [refused] = await requests('request_id=req-refused');
      expect(refused).toMatchObject({
        action: 'request.refused',
        status: 'failed',
        description: 'GET /v1/logs refused: 403 insufficient_scope',
        api_key_id: restricted.id,
        request_id: 'req-refused',
        actor: { type: 'key', id: restricted.id, name: 'Export', ip: '127.0.0.1' },
        http: {
          method: 'GET',
          route: '/v1/logs',
          status: 403,
          code: 'insufficient_scope',
          duration_ms: expect.any(Number),
        },
      });
      expect((await requests('status=succeeded')).map(({ description }) => description)).toEqual([
        'POST /v1/api-keys succeeded: 201',
      ]);
    });

    it('a key that proved right but may not be used any more leaves one too', async () => {
      const restricted = await service.makeRestrictedKey(key, { scopes: ['read'] });
      await service.call('delete', `/v1/api-keys/${restricted.id}`, { key }).expect(200);
      expect(await service.outcome('get', '/v1/logs', { key: restricted.key })).toBe('401 api_key_revoked');
      expect((await requests(`api_key_id=${restricted.id}&status=failed`)).map((log) => log.description)).toEqual([
        'GET /v1/logs refused: 401 api_key_revoked',
      ]);
    });

    it('reads, logs written, and strangers with a wrong key leave none', async () => {
      await note({});
      await list('limit=1');
      await service.call('get', '/v1/logs', { key: `${key.slice(0, -1)}~` }).expect(401);
      expect(await requests()).toEqual([]);
    });

    it('routes are shown as patterns, never the path with its ids', async () => {
      await service.call('get', '/v1/logs/4111111111111111', { key }).expect(422);
      expect((await requests())[0]!.description).toBe('GET /v1/logs/:id refused: 422 invalid_input');
    });
  });
});

/** Superagent reads only media types that it knows as text. */
function asText(response: unknown, done: (error: Error | null, body: unknown) => void): void {
  const stream = response as NodeJS.ReadableStream;
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => (text += chunk));
  stream.on('end', () => done(null, text));
}

function textOf({ body, headers }: { body: unknown; headers: Record<string, string> }) {
  return { text: body as string, headers };
}
