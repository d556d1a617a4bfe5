import { csvLine } from '../common/csv.js';
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

/** What one write to the reader holds: small texts leave memory at once, large ones wait there for a collection. */
const CHUNK_LENGTH = 32_768;

/** The file, in pieces; a page is asked for when the one before it was taken. */
export async function* exportText(
  format: ExportFormat,
  pages: AsyncIterable<readonly LogRow[]>,
): AsyncGenerator<string> {
  let text = format === 'csv' ? csvLine(COLUMNS.map(([name]) => name)) : '';
  for await (const page of pages) {
    for (const row of page) {
      text += lineOf(format, toLogResponse(row));
      if (text.length < CHUNK_LENGTH) continue;
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}

function lineOf(format: ExportFormat, log: LogResponse): string {
  return format === 'ndjson' ? `${JSON.stringify(log)}\n` : csvLine(COLUMNS.map(([, cell]) => cell(log)));
}
