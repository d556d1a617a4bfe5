import { LogBook, type ShownLog } from './support/log-book.js';

describe('what an export of logs holds', () => {
  const logs = LogBook.install();
  const { call, outcome } = logs;

  it('CSV has a header, the columns of the contract, and no cell that a spreadsheet would run', async () => {
    const log = await logs.note({ description: '=HYPERLINK("x","y"), "quoted"', metadata: { a: 1 } });
    const answer = await call('get', '/v1/logs/export?action=note.made').expect(200);
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="logs-test-\d{4}-\d\d-\d\d\.csv"$/);
    expect(answer.text.split('\r\n')).toEqual([
      'id,occurred_at,created_at,category,action,status,description,operation_id,event_id,endpoint_id,delivery_id,api_key_id,request_id,actor_type,actor_name,metadata',
      `${log.id},${log.occurred_at as string},${log.created_at},operation,note.made,info,"'=HYPERLINK(""x"",""y""), ""quoted""",,,,,${logs.account.test.secretKeyId},${log.request_id as string},key,Secret key,"{""a"":1}"`,
      '',
    ]);
  });

  it('NDJSON is the objects of the list, all of them, over many pages', async () => {
    for (let chunk = 0; chunk < 3; chunk += 1) {
      await logs.write(Array.from({ length: 900 }, (_, index) => ({ description: `row ${chunk * 900 + index}` })));
    }
    const path = '/v1/logs/export?format=ndjson&action=note.made';
    const { text, headers } = await call('get', path).buffer(true).parse(asText).expect(200).then(textOf);
    expect(headers['content-type']).toMatch(/^application\/x-ndjson/);
    const exported = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as ShownLog);
    expect(exported.map(({ description }) => description)).toEqual(
      Array.from({ length: 2_700 }, (_, index) => `row ${2_699 - index}`),
    );
    expect(exported.slice(0, 2)).toEqual((await logs.list('limit=2&action=note.made')).data);
  });

  it('nothing found is a file all the same; a wrong filter is a problem', async () => {
    const { text } = await call('get', '/v1/logs/export?q=absent').expect(200);
    expect(text).toMatch(/^id,.*metadata\r\n$/);
    expect(await outcome('get', '/v1/logs/export?format=xml')).toBe('422 invalid_input');
    expect(await outcome('get', '/v1/logs/export?limit=1')).toBe('422 invalid_input');
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
