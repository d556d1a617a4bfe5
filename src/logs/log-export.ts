import { stringify } from 'csv-stringify/sync';
import type { LogRow } from './log-statements.js';
import { type ExportFormat, type LogResponse, toLogResponse } from './logs.dto.js';

type Cell = (log: LogResponse) => string | null;

const COLUMNS: readonly (readonly [name: string, cell: Cell])[] = [
  ['id', ({ id }) => id],
  ['occurred_at', (log) => log.occurred_at],
  ['created_at', (log) => log.created_at],
  ['category', ({ category }) => category],
  ['action', ({ action }) => action],
  ['status', ({ status }) => status],
  ['description', ({ description }) => description],
  ['operation_id', (log) => log.operation_id],
  ['event_id', (log) => log.event_id],
  ['endpoint_id', (log) => log.endpoint_id],
  ['delivery_id', (log) => log.delivery_id],
  ['api_key_id', (log) => log.api_key_id],
  ['request_id', (log) => log.request_id],
  ['actor_type', ({ actor }) => actor.type],
  ['actor_name', ({ actor }) => actor.name],
  ['metadata', ({ metadata }) => JSON.stringify(metadata)],
];

export const EXPORT_MEDIA_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

/** How many logs one write to the reader holds: small texts leave memory at once, large ones wait for a collection. */
const CHUNK_ROWS = 64;

/** The file, in pieces; a page is asked for when the one before it was taken. */
export async function* exportText(
  format: ExportFormat,
  pages: AsyncIterable<readonly LogRow[]>,
): AsyncGenerator<string> {
  if (format === 'csv') yield toCsv([COLUMNS.map(([name]) => name)]);
  for await (const page of pages) {
    for (let at = 0; at < page.length; at += CHUNK_ROWS) {
      yield toText(format, page.slice(at, at + CHUNK_ROWS).map(toLogResponse));
    }
  }
}

function toText(format: ExportFormat, logs: readonly LogResponse[]): string {
  if (format === 'ndjson') return logs.map((log) => `${JSON.stringify(log)}\n`).join('');
  return toCsv(logs.map((log) => COLUMNS.map(([, cell]) => cell(log))));
}

/** RFC 4180, a lone line break quoted too; a text that a spreadsheet would run gets an apostrophe in front. */
export function toCsv(records: readonly (readonly (string | null)[])[]): string {
  const guarded = records.map((cells) => cells.map((cell) => (cell?.startsWith('\n') ? `'${cell}` : cell)));
  return stringify(guarded, { record_delimiter: 'windows', escape_formulas: true, quoted_match: /[\r\n]/ });
}
