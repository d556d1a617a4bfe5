import { Clock } from '../src/common/clock.js';
import { encodeId } from '../src/common/ids.js';
import { LogBook } from './support/log-book.js';
import { until } from './support/service.js';

describe('the list of logs', () => {
  const logs = LogBook.install();

  it('pages newest first, neither repeating nor missing, both ways', async () => {
    await logs.write(Array.from({ length: 25 }, (_, index) => ({ description: `n${index}` })));
    const seen: string[] = [];
    let query = 'limit=10&action=note.made';
    for (let page = await logs.list(query); ; page = await logs.list(query)) {
      seen.push(...page.data.map(({ description }) => description));
      if (!page.has_more) break;
      query = `limit=10&action=note.made&starting_after=${page.data.at(-1)!.id}`;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `n${24 - index}`));
    const [oldest] = (await logs.list('limit=1&q=n0')).data;
    const nearest = await logs.list(`limit=3&ending_before=${oldest!.id}`);
    expect(nearest.data.map(({ description }) => description)).toEqual(['n3', 'n2', 'n1']);
    expect(nearest.has_more).toBe(true);
    expect(await logs.wrongFields(`starting_after=${oldest!.id}&ending_before=${oldest!.id}`)).toEqual([
      'ending_before',
    ]);
  });

  it('finds words and prefixes without regard to accents and case, together with other filters', async () => {
    await logs.note({ description: 'Encaissement INV-1021 échoué', status: 'failed', operation_id: 'col_93d8' });
    await logs.note({ description: 'Encaissement INV-1022 réussi', status: 'succeeded' });
    expect(await logs.found('q=ECHOUE')).toEqual(['Encaissement INV-1021 échoué']);
    expect(await logs.found('q=inv-1022')).toEqual(['Encaissement INV-1022 réussi']);
    expect(await logs.found('q=col_93')).toEqual(['Encaissement INV-1021 échoué']);
    expect(await logs.found('q=encais&status=succeeded')).toEqual(['Encaissement INV-1022 réussi']);
    expect(await logs.found('q=encais&status=succeeded&status=failed')).toHaveLength(2);
    expect(await logs.found('q=1022+1021')).toEqual([]);
    expect(await logs.found('q=ncaissement')).toEqual([]);
    expect(await logs.found('q=inv&operation_id=col_93d8&operation_id=col_none')).toHaveLength(1);
    expect(await logs.found('q=inv&operation_id=col_93d8&status=succeeded')).toEqual([]);
  });

  it('an interval includes its start and not its end', async () => {
    const [first, second] = [await logs.note({ description: 'first' }), await logs.note({ description: 'second' })];
    // Times are whole milliseconds; the third log has a later one.
    const clock = logs.service.app.get(Clock);
    await until(() => Promise.resolve(clock.now().toISOString() > second.created_at));
    const third = await logs.note({ description: 'third' });
    expect(await logs.found(`created_after=${first.created_at}&created_before=${third.created_at}&q=first`)).toEqual([
      'first',
    ]);
    expect(await logs.found(`created_after=${second.created_at}&q=third`)).toEqual(['third']);
    expect(await logs.found(`created_before=${third.created_at}&q=third`)).toEqual([]);
    // A cursor outside of the interval does not widen it.
    const after = `created_after=${third.created_at}&action=note.made`;
    expect(await logs.found(`${after}&ending_before=${first.id}`)).toEqual(['third']);
    const before = `created_before=${third.created_at}&action=note.made`;
    expect(await logs.found(`${before}&starting_after=${third.id}`)).toEqual(['second', 'first']);
    await logs.note({ description: 'long ago', occurred_at: '2020-01-01T00:00:00Z' });
    expect(await logs.found('occurred_after=2020-01-01T00:00:00Z&occurred_before=2020-01-01T00:00:01Z')).toEqual([
      'long ago',
    ]);
    expect(await logs.found('occurred_before=2020-01-01T00:00:00Z')).toEqual([]);
    const reversed = 'after=2026-01-02T00:00:00Z&X_before=2026-01-01T00:00:00Z';
    expect(await logs.wrongFields(`created_${reversed.replace('X', 'created')}`)).toEqual(['created_before']);
    expect(await logs.wrongFields(`occurred_${reversed.replace('X', 'occurred')}`)).toEqual(['occurred_before']);
  });

  it('finds what lies behind more rows than one step looks at, both ways', async () => {
    const [oldest] = await logs.write([{ description: 'needle old' }]);
    for (let chunk = 0; chunk < 8; chunk += 1) await logs.write(Array.from({ length: 1_000 }, () => ({})));
    await logs.write([{ description: 'needle new' }]);
    expect(await logs.found('q=needle')).toEqual(['needle new', 'needle old']);
    expect(await logs.found(`q=needle&ending_before=${encodeId('log', oldest!)}`)).toEqual(['needle new']);
    expect(await logs.found('q=absent')).toEqual([]);
  });
});
