import { SchedulerRegistry } from '@nestjs/schedule';
import { decodeId } from '../src/common/ids.js';
import { searchTerms, searchText } from '../src/common/search-text.js';
import { everyTerm, indexedWords, wholeWord, type WordOwner } from '../src/database/word-index.js';
import { WordIndexUpkeep } from '../src/database/word-index-upkeep.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Service } from './support/service.js';

describe('word indexes', () => {
  let service: Service;
  beforeAll(async () => (service = await Service.start()));
  afterAll(() => service.stop());

  const wordsOf = async (owner: WordOwner, search: string): Promise<string> => {
    const row = `(VALUES ($1::uuid, $2, $3)) AS r (account_id, mode, search)`;
    const [{ words }] = await service.dataSource.query(`SELECT ${indexedWords('r')}::text AS words FROM ${row}`, [
      owner.accountId,
      owner.mode,
      search,
    ]);
    return words as string;
  };
  const matches = async (owner: WordOwner, search: string, question: string): Promise<boolean> => {
    const [{ found }] = await service.dataSource.query('SELECT $1::tsvector @@ $2::tsquery AS found', [
      await wordsOf(owner, search),
      question,
    ]);
    return found as boolean;
  };
  const OWNER = { accountId: '019a4b00-0000-7000-8000-0000a1b2c3d4', mode: 'live' };

  it('find what a question of the same owner asks, whatever signs it has, and nothing of another owner', async () => {
    const text = searchText("Payment INV-1071 of 2,500 XAF échoué 日本語 it's", 'col_93d8');
    for (const question of ['inv-1071', 'ECHOUE', '日本', 'pay 2500', "it's", 'col_93d8']) {
      expect(await matches(OWNER, text, everyTerm(OWNER, searchTerms(question)))).toBe(true);
      for (const other of [
        { ...OWNER, mode: 'test' },
        { ...OWNER, accountId: OWNER.accountId.replace('d4', 'd5') },
      ]) {
        expect(await matches(other, text, everyTerm(OWNER, searchTerms(question)))).toBe(false);
      }
    }
    expect(await matches(OWNER, text, everyTerm(OWNER, ['pay', 'absent']))).toBe(false);
    expect(await matches(OWNER, " .a'b\\c", wholeWord(OWNER, ".a'b\\c"))).toBe(true);
    expect(await wordsOf(OWNER, '')).toBe('');
  });

  it('serve questions of every table that has one, in every partition', async () => {
    const indexes: { name: string; options: string[] }[] = await service.dataSource.query(
      `SELECT i.relname AS name, i.reloptions AS options FROM pg_class i JOIN pg_am a ON a.oid = i.relam
       WHERE a.amname = 'gin' AND i.relnamespace = 'signalpost'::regnamespace AND i.relkind = 'i'`,
    );
    expect(indexes.length).toBe(5 + 5 + 1);
    for (const { options } of indexes) expect(options).toEqual(['fastupdate=on', 'gin_pending_list_limit=65536']);
    for (const table of ['events', 'operations']) {
      const plan: { 'QUERY PLAN': string }[] = await service.dataSource.query(
        `EXPLAIN SELECT t.id FROM signalpost.${table} t WHERE ${indexedWords('t')} @@ $1::tsquery`,
        [everyTerm(OWNER, ['inv'])],
      );
      const text = plan.map((line) => line['QUERY PLAN']).join('\n');
      expect(text).toContain('Bitmap Index Scan');
      expect(text).not.toContain('Seq Scan');
    }
  });

  it('have nothing pending after their upkeep', async () => {
    const { test } = await service.makeAccount();
    const upkeep = service.app.get(WordIndexUpkeep, { strict: false });
    const timers = service.app.get(SchedulerRegistry, { strict: false });
    for (const name of ['word-index', 'request-logs']) timers.deleteInterval(name);
    await upkeep.runOnce(new Date());
    const { id } = await publishNew(service, test.secretKey, operationEvent('collect.pending', 'col_1'));
    expect((await upkeep.runOnce(new Date())).pages).toBe(3);
    expect((await upkeep.runOnce(new Date())).pages).toBe(0);
    const [row] = await service.dataSource.query('SELECT account_id FROM signalpost.events WHERE id = $1', [
      decodeId('evt', id),
    ]);
    const question = everyTerm({ accountId: row.account_id, mode: 'test' }, ['col']);
    const found = await service.dataSource.query(
      `SELECT e.id FROM signalpost.events e WHERE ${indexedWords('e')} @@ $1::tsquery`,
      [question],
    );
    expect(found).toEqual([{ id: decodeId('evt', id) }]);
  });
});
