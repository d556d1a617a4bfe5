import { type IncomingMessage, type ServerResponse, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { Authenticator } from '../src/auth/verification/authenticator.js';
import { decodeId } from '../src/common/ids.js';
import { LogWriter } from '../src/logs/log-writer.js';
import { LogsService } from '../src/logs/logs.service.js';
import { LogsRepository } from '../src/logs/logs.repository.js';
import { type MadeAccount, Service, until } from './support/service.js';

const ROWS = 40_000;
const PAGE_ROWS = 250;

describe('exporting logs', () => {
  let service: Service;
  let account: MadeAccount;
  beforeAll(async () => {
    service = await Service.start();
    account = await service.makeAccount();
    const writer = service.app.get(LogWriter, { strict: false });
    for (let first = 0; first < ROWS; first += 4_000) {
      await writer.write(
        Array.from({ length: 4_000 }, (_, n) => ({
          accountId: decodeId('acct', account.id),
          mode: 'test' as const,
          category: 'operation' as const,
          action: 'note',
          status: 'info' as const,
          description: `Row ${first + n} ${'with a long text '.repeat(20)}`,
        })),
      );
    }
  });
  afterAll(() => service.stop());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const open = (query: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { port } = service.app.getHttpServer().address() as AddressInfo;
      const headers = { authorization: `Bearer ${account.test.secretKey}` };
      get(`http://127.0.0.1:${port}/v1/logs/export?action=note&${query}`, { agent: false, headers }, resolve).on(
        'error',
        reject,
      );
    });
  /** How many pages were asked for, and the signal that stops the search. */
  const watchPages = () => {
    const repository = service.app.get(LogsRepository, { strict: false });
    const list = repository.list.bind(repository);
    const pages: (AbortSignal | undefined)[] = [];
    jest.spyOn(repository, 'list').mockImplementation((scope, filters, page) => {
      pages.push(page.signal);
      return list(scope, filters, page);
    });
    return pages;
  };

  it.each(['csv', 'ndjson'])('gives every row of %s once, newest first', async (format) => {
    const response = await open(`format=${format}`);
    expect(response.headers['content-disposition']).toMatch(
      new RegExp(`^attachment; filename="logs-test-\\d{4}-\\d\\d-\\d\\d\\.${format}"$`),
    );
    let text = '';
    for await (const chunk of response) text += String(chunk);
    const numbers = [...text.matchAll(/Row (\d+) /g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: ROWS }, (_, n) => ROWS - 1 - n));
  });

  it('reads no further than its reader: one that does not read holds a few pages', async () => {
    const pages = watchPages();
    const response = await open('format=ndjson');
    response.pause();
    await until(async () => pages.length > 1);
    // Whatever it could still read ahead would be read while the whole of another export is.
    const other = await open('format=csv');
    let rows = 0;
    for await (const chunk of other) rows += String(chunk).split('\r\n').length - 1;
    expect(rows).toBe(ROWS + 1);
    const ofOther = ROWS / PAGE_ROWS + 1;
    expect(pages.length - ofOther).toBeLessThan(ROWS / PAGE_ROWS / 2);
    response.destroy();
  });

  it('stops searching when its reader leaves', async () => {
    const pages = watchPages();
    const response = await open('format=ndjson');
    response.once('data', () => response.destroy());
    response.on('error', () => undefined);
    await until(async () => pages.length > 0 && pages.every((signal) => signal!.aborted));
    const asked = pages.length;
    expect(asked).toBeLessThan(ROWS / PAGE_ROWS / 2);
    // A whole other export passes, and the one that was left has asked for nothing more.
    const other = await open('format=csv');
    for await (const chunk of other) void chunk;
    expect(pages.filter((signal) => signal === pages[0])).toHaveLength(asked);
  });

  it('stops a search that has found nothing yet when its reader leaves', async () => {
    const repository = service.app.get(LogsRepository, { strict: false });
    const list = repository.list.bind(repository);
    const { port } = service.app.getHttpServer().address() as AddressInfo;
    const headers = { authorization: `Bearer ${account.test.secretKey}` };
    const outcomes: Promise<unknown>[] = [];
    const asked = new Promise<void>((resolve) => {
      jest.spyOn(repository, 'list').mockImplementation(async (scope, filters, page) => {
        const left = new Promise((gone) => page.signal!.addEventListener('abort', gone));
        resolve();
        await left;
        const outcome = list(scope, filters, page);
        outcomes.push(outcome.catch((error: Error) => error.message));
        return outcome;
      });
    });
    const call = get(`http://127.0.0.1:${port}/v1/logs/export?q=absent`, { agent: false, headers });
    call.on('error', () => undefined);
    await asked;
    call.destroy();
    await until(async () => outcomes.length === 1);
    expect(await outcomes[0]).toBe('The reader has left.');
  });

  it('searches nothing for a reader that left before its key was proved', async () => {
    const authenticator = service.app.get(Authenticator, { strict: false });
    const authenticate = authenticator.authenticate.bind(authenticator);
    const server = service.app.getHttpServer();
    const left = new Promise((gone) =>
      server.once('request', (_, answer: ServerResponse) => answer.once('close', gone)),
    );
    const asked = new Promise<void>((resolve) => {
      jest.spyOn(authenticator, 'authenticate').mockImplementation(async (presented) => {
        resolve();
        await left;
        return authenticate(presented);
      });
    });
    const logs = service.app.get(LogsService, { strict: false });
    const exportLogs = logs.export.bind(logs);
    const outcome = new Promise<string>((resolve) => {
      jest.spyOn(logs, 'export').mockImplementation(async (...question) => {
        const file = exportLogs(...question);
        file.then(
          () => resolve('It was searched.'),
          (error: Error) => resolve(error.message),
        );
        return file;
      });
    });
    const pages = watchPages();
    const { port } = server.address() as AddressInfo;
    const headers = { authorization: `Bearer ${account.test.secretKey}` };
    const call = get(`http://127.0.0.1:${port}/v1/logs/export?action=note`, { agent: false, headers });
    call.on('error', () => undefined);
    await asked;
    call.destroy();
    expect(await outcome).toBe('The reader has left.');
    expect(pages).toEqual([]);
  });
});
