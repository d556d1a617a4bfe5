import { readFileSync } from 'node:fs';
import { english } from '../src/logs/templates/english.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';

type Log = Readonly<Record<string, unknown>> & {
  readonly action: string;
  readonly status: string;
  readonly description: string;
};

const PAGE = readFileSync('docs/logs.md', 'utf8');
/** The first block of the language under a heading of the page. */
function block(heading: string, language: string): string {
  const section = PAGE.slice(PAGE.indexOf(`## ${heading}\n`)).split('\n## ')[0]!;
  const blocks = [...section.matchAll(/^```(\w*)\n([^]*?)\n```$/gm)];
  return blocks.find(([, of]) => of === language)![2]!;
}
const without = (text: string): string => text.replace(/\d+/g, '#');

describe('what docs/logs.md shows', () => {
  let service: Service;
  let account: MadeAccount;
  let all: Log[];
  beforeAll(async () => {
    service = await Service.start({ environment: { ROLE: 'all', WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
    account = await service.makeAccount();
    const key = account.test.secretKey;
    // Nobody listens on the discard port.
    const endpoint = { url: 'http://127.0.0.1:9/hook', event_types: ['collect.*'] };
    await service.call('post', '/v1/webhook-endpoints', { key, body: endpoint }).expect(201);
    const operation = { amount: 1000, currency: 'XOF', reference: 'INV-1021' };
    await publishNew(service, key, operationEvent('collect.pending', 'col_93d8', { operation }));
    const body = {
      action: 'collect.reminder_sent',
      status: 'succeeded',
      description: 'Reminder sent for INV-1021',
      operation_id: 'col_93d8',
    };
    await service.call('post', '/v1/logs', { key, body }).expect(201);
    const cause = { code: 'insufficient_funds', description: 'Balance too low' };
    await publishNew(
      service,
      key,
      operationEvent('collect.failed', 'col_93d8', { operation: { ...operation, cause } }),
    );
    await until(async () => {
      all = await list('operation_id=col_93d8&limit=100');
      return new Set(all.filter(({ action }) => action === 'delivery.failed').map((log) => log.event_id)).size === 2;
    });
  });
  afterAll(() => service.stop());

  const list = async (query: string): Promise<Log[]> =>
    (await service.call('get', `/v1/logs?${query}`, { key: account.test.secretKey }).expect(200)).body.data as Log[];
  const lines = (): string[][] =>
    block('The complete history of one collect', '')
      .split('\n')
      .map((line) => line.split(/ {2,}/));
  const summary = ({ action, status, description }: Log): string => without([action, status, description].join(' '));

  it('the complete history of one collect has those actions, with that status and in those words', () => {
    expect(lines()).toHaveLength(5);
    for (const [time, ...shown] of lines()) {
      expect(new Date(time!).toISOString()).toBe(time);
      expect(all.map(summary)).toContain(without(shown.join(' ')));
    }
    // Deliveries are tried when they can be; what the account did itself stands in its order.
    const ofAccount = lines().filter(([, action]) => action !== 'delivery.failed');
    expect(all.filter(({ action }) => action !== 'delivery.failed').map(({ action }) => action)).toEqual(
      ofAccount.map(([, action]) => action),
    );
  });

  it('one action has those fields, that status and those words, and its date and time', async () => {
    const shown = JSON.parse(block('The status of an action, its description, date and time', 'json')) as Log;
    const real = all.find(({ action }) => action === 'collect.failed')!;
    const { body } = await service
      .call('get', `/v1/logs/${String(real.id)}`, { key: account.test.secretKey })
      .expect(200);
    expect(body).toEqual(real);
    expect(Object.keys(real)).toEqual(Object.keys(shown));
    const changing = ['id', 'event_id', 'api_key_id', 'request_id', 'actor', 'occurred_at', 'created_at'];
    for (const [name, value] of Object.entries(shown)) {
      if (!changing.includes(name)) expect([name, real[name]]).toEqual([name, value]);
    }
    expect(Object.keys(real.actor as object)).toEqual(Object.keys(shown.actor as object));
    for (const name of ['occurred_at', 'created_at']) expect(real[name]).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
  });

  it('one log is found by that word, and no other', async () => {
    const [, query] = /curl "\$URL\/v1\/logs\?(q=\w+)"/.exec(PAGE)!;
    const shown = JSON.parse(block('One log, found by a word', 'json')) as { data: Log[]; has_more: boolean };
    const found = await list(query!);
    expect(found.map(({ action }) => action)).toEqual(shown.data.map(({ action }) => action));
    expect(shown.has_more).toBe(false);
  });

  it('the logs of a time interval are those within it, with that status', async () => {
    const [, status] = /occurred_after=[^"]*&(status=\w+)"/.exec(PAGE)!;
    const times = all.map(({ occurred_at }) => String(occurred_at)).sort();
    const from = encodeURIComponent(times[0]!);
    const to = encodeURIComponent(new Date(Date.parse(times.at(-1)!) + 1).toISOString());
    const within = await list(`occurred_after=${from}&occurred_before=${to}&${status!}&limit=100`);
    // Meanwhile a delivery may have been tried again.
    expect(within).toEqual(expect.arrayContaining(all.filter((log) => log.status === 'failed')));
    expect(new Set(within.map((log) => log.status))).toEqual(new Set(['failed']));
    for (const [, ...shown] of lines().filter(([, , told]) => told === 'failed')) {
      expect(within.map(summary)).toContain(without(shown.join(' ')));
    }
    expect(await list(`occurred_before=${from}&operation_id=col_93d8`)).toEqual([]);
  });

  it('the timeline of that collect has its events, logs and deliveries with attempts, oldest first', async () => {
    const shown = await service.call('get', '/v1/operations/col_93d8/timeline?limit=100', {
      key: account.test.secretKey,
    });
    const entries = shown.body.data as { object: string; created_at: string; attempts?: object[] }[];
    const count = (object: string): number => entries.filter((entry) => entry.object === object).length;
    expect([count('event'), count('delivery')]).toEqual([2, 2]);
    expect(count('log')).toBeGreaterThanOrEqual(5);
    for (const { object, attempts } of entries) if (object === 'delivery') expect(attempts!.length).toBeGreaterThan(0);
    const times = entries.map(({ created_at: time }) => time);
    expect(times).toEqual([...times].sort());
  });

  it('every request of the page is answered as it stands there, but for its ids', async () => {
    const paths = [...PAGE.matchAll(/curl (?:-N )?"\$URL(\/[^"]+)"/g)].map(([, path]) => path!);
    expect(paths).toHaveLength(6);
    const origin = await service.app.getUrl();
    for (const path of paths) {
      const leave = new AbortController();
      const answer = await fetch(origin + path.replace(/log_\w{26}/, String(all[0]!.id)), {
        headers: { authorization: `Bearer ${account.test.secretKey}` },
        signal: leave.signal,
      });
      // A stream goes on until its reader leaves.
      leave.abort();
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });

  it('names every action that the service has a sentence for', () => {
    const table = PAGE.slice(PAGE.indexOf('## What is written down\n')).split('\n\n')[1]!;
    const named = new Set([...table.matchAll(/`([a-z_]+\.[a-z_]+)`/g)].map(([, action]) => action));
    const { endpoints, keys, accounts, eventTypes, recoveries, requests } = english;
    const told = { webhook_endpoint: endpoints, api_key: keys, account: accounts, event_type: eventTypes };
    for (const [noun, sentences] of Object.entries({ ...told, recovery: recoveries, request: requests })) {
      for (const name of Object.keys(sentences)) {
        // Why it was disabled or cancelled is no action of its own.
        expect(named).toContain(`${noun}.${name.replace(/^(disabled|cancelled)_\w+$/, '$1')}`);
      }
    }
  });
});
