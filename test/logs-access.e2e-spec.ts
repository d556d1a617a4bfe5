import { decodeId, encodeId, newUuid } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { LogBook } from './support/log-book.js';

const DAY_MS = 86_400_000;

describe('which logs are shown, and to whom', () => {
  const logs = LogBook.install({ RETENTION_DAYS: '30' });
  const { outcome } = logs;

  it('a log of another account or mode, an unknown, a malformed and an expired one', async () => {
    const log = await logs.note({});
    const other = await logs.service.makeAccount();
    for (const by of [other.test.secretKey, logs.account.live.secretKey]) {
      expect(await outcome('get', `/v1/logs/${log.id}`, { key: by })).toBe('404 not_found');
      expect((await logs.list('action=note.made', by)).data).toEqual([]);
    }
    const at = (timeMs: number): string => encodeId('log', newUuid(timeMs));
    expect(await outcome('get', `/v1/logs/${at(Date.now())}`)).toBe('404 not_found');
    expect(await outcome('get', `/v1/logs/${at(Date.now() - 32 * DAY_MS)}`)).toBe('410 expired');
    expect(await outcome('get', `/v1/logs/${at(Date.now() - 29 * DAY_MS)}`)).toBe('404 not_found');
    expect(await outcome('get', '/v1/logs/evt_01k96sd3k8e2r9wq6m4h0v5xtz')).toBe('422 invalid_input');
  });

  it('what is older than the retention is hidden, and an interval that begins earlier is answered from there', async () => {
    const midnightMs = Date.now() - (Date.now() % DAY_MS) - 30 * DAY_MS;
    await logs.service.app.get(Database).pool.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, actor_type, occurred_at)
       SELECT $1, 'test', id, 'operation', 'note.made', 'info', description, 'system', now()
       FROM unnest($2::uuid[], $3::text[]) AS g (id, description)`,
      [decodeId('acct', logs.account.id), [newUuid(midnightMs - 1), newUuid(midnightMs)], ['hidden', 'kept']],
    );
    for (const query of ['', 'action=note.made', 'created_after=2001-01-01T00:00:00Z']) {
      const shown = (await logs.found(query)).filter((description) => ['hidden', 'kept'].includes(description));
      expect(shown).toEqual(['kept']);
    }
    expect(await logs.found('created_before=2001-01-01T00:00:00Z')).toEqual([]);
  });

  it('is for secret keys and for restricted ones with the scope', async () => {
    const reader = await logs.service.makeRestrictedKey(logs.key, { scopes: ['logs:read'] });
    const stranger = await logs.service.makeRestrictedKey(logs.key, { scopes: ['events:read'] });
    const body = { action: 'a', status: 'info', description: 'b' };
    for (const path of ['/v1/logs', '/v1/logs/export', `/v1/logs/${(await logs.note({})).id}`]) {
      expect(await outcome('get', path, { key: null })).toBe('401 missing_api_key');
      expect(await outcome('get', path, { key: logs.account.test.publicKey })).toBe('403 secret_key_required');
      expect(await outcome('get', path, { key: stranger.key })).toBe('403 insufficient_scope');
      expect(await outcome('get', path, { key: reader.key })).toBe('200');
      expect(await outcome('get', path, { key: logs.service.adminKey })).toBe('400 acting_headers_required');
    }
    expect(await outcome('post', '/v1/logs', { key: reader.key, body })).toBe('403 insufficient_scope');
  });
});
