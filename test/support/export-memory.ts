import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { decodeId } from '../../src/common/ids.js';
import { makeAdminKey } from '../../src/config/key-format.js';
import { makeDatabase } from '../setup/database.js';
import { boot } from './booted-process.js';

export interface ExportReading {
  readonly format: 'csv' | 'ndjson';
  /** Whether its reader is slower than the service. */
  readonly isSlow: boolean;
}

export interface MeasuredExport extends ExportReading {
  readonly logs: number;
  /** How much more memory the service held at most than before, when it had given the beginning of one export. */
  readonly growthMib: number;
}

const SAMPLE_MS = 50;
/**
 * The service itself needs about 55 MiB of its heap. With little more room V8 has to collect at once, and what an
 * export really held would end the process; with room for gigabytes, its default, it may let garbage lie for a while.
 */
export const SMALL_HEAP = '--max-old-space-size=96 --max-semi-space-size=8';
const CHUNK_ROWS = 100_000;
const WARM_UP_BYTES = 8_000_000;
/** A slow reader pauses after so much, longer than the service takes to make it, which so has to wait. */
const SLOW_READER_BYTES = 1_000_000;
const SLOW_READER_PAUSE_MS = 80;

const INSERT = `
  INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, operation_id, actor_type,
    actor_name, metadata, search, occurred_at)
  SELECT $1, 'test', (lpad(to_hex($5::bigint - $4 + n), 12, '0') || '7' || left(md5(n::text), 3) || '8' ||
      substr(md5(n::text), 4, 15))::uuid,
    'operation', 'note', 'succeeded', 'Payment INV-2026-' || n || ' of 2,500 XAF succeeded', 'pay_' || n, 'key',
    'Secret key', '{"channel":"sms"}', ' payment inv 2026 ' || n, to_timestamp(($5::bigint - $4 + n) / 1000.0)
  FROM generate_series($2::bigint, $3::bigint) AS n`;

/**
 * Exports `rows` logs from a process of its own, for one reading after another, while the process's resident memory is
 * watched. `heap`: options of Node; none leave V8 its default.
 */
export async function measureExports(
  name: string,
  rows: number,
  readings: readonly ExportReading[],
  heap = SMALL_HEAP,
): Promise<MeasuredExport[]> {
  const databaseUrl = await makeDatabase(name, { migrated: true });
  const adminKey = makeAdminKey();
  const environment = { DATABASE_URL: databaseUrl, ROLE: 'api', ADMIN_KEYS: `ops:${adminKey}`, NODE_OPTIONS: heap };
  const service = boot(environment);
  try {
    const origin = await service.url;
    const pid = service.process.pid!;
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
    const made = await fetch(`${origin}/v1/admin/accounts`, { method: 'POST', headers, body: '{"name":"Large"}' });
    const { account } = (await made.json()) as { account: { id: string } };
    await fill(databaseUrl, decodeId('acct', account.id), rows);
    const acting = { authorization: `Bearer ${adminKey}`, 'signalpost-account': account.id, 'signalpost-mode': 'test' };
    const read = async (format: string, isSlow: boolean, mostBytes = Infinity): Promise<number> => {
      const response = await fetch(`${origin}/v1/logs/export?format=${format}`, { headers: acting });
      return countLines(response, isSlow, mostBytes);
    };

    for (const format of ['csv', 'ndjson']) await read(format, false, WARM_UP_BYTES);
    const beforeMib = residentMib(pid);
    const measured: MeasuredExport[] = [];
    for (const { format, isSlow } of readings) {
      const peak = watchPeak(pid);
      const lines = await read(format, isSlow);
      const logs = format === 'csv' ? lines - 1 : lines;
      measured.push({ format, isSlow, logs, growthMib: Math.round(peak() - beforeMib) });
    }
    return measured;
  } finally {
    service.process.kill('SIGTERM');
    await service.ended;
  }
}

/**
 * A log a millisecond, without the index of words: an export without filters asks none, and to fill it takes longest.
 */
async function fill(databaseUrl: string, accountId: string, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('DROP INDEX signalpost.logs_by_word');
    const nowMs = Date.now();
    for (let first = 0; first < rows; first += CHUNK_ROWS) {
      await client.query(INSERT, [accountId, first, Math.min(first + CHUNK_ROWS, rows) - 1, rows, nowMs]);
    }
    await client.query('ANALYZE signalpost.logs');
  } finally {
    await client.end();
  }
}

async function countLines(response: Response, isSlow: boolean, mostBytes: number): Promise<number> {
  let [bytes, lines, pausedAt] = [0, 0, 0];
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    for (const byte of chunk) if (byte === 10) lines += 1;
    bytes += chunk.length;
    if (bytes > mostBytes) break;
    if (!isSlow || bytes - pausedAt < SLOW_READER_BYTES) continue;
    await pause(SLOW_READER_PAUSE_MS);
    pausedAt = bytes;
  }
  return lines;
}

/** Looks at the process's memory from now on; the answer stops looking and says the most there was, in MiB. */
function watchPeak(pid: number): () => number {
  let peakMib = residentMib(pid);
  const timer = setInterval(() => (peakMib = Math.max(peakMib, residentMib(pid))), SAMPLE_MS);
  return () => {
    clearInterval(timer);
    return Math.max(peakMib, residentMib(pid));
  };
}

function residentMib(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1_024;
}
