import { stringify } from 'csv-stringify/sync';
import type { ExportFormat, LogResponse } from './logs.dto.js';

const COLUMNS = [
  'id',
  'occurred_at',
  'created_at',
  'category',
  'action',
  'status',
  'description',
  'operation_id',
  'event_id',
  'endpoint_id',
  'delivery_id',
  'api_key_id',
  'request_id',
  'actor_type',
  'actor_name',
  'metadata',
] as const;

export const EXPORT_MEDIA_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

/** What an export begins with. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? `${COLUMNS.join(',')}\r\n` : '';
}

/** A page of logs as text of the format. */
export function exportPage(format: ExportFormat, logs: readonly LogResponse[]): string {
  if (format === 'ndjson') return logs.map((log) => `${JSON.stringify(log)}\n`).join('');
  // Texts that a spreadsheet would run as a formula get an apostrophe in front.
  return stringify(logs.map(toCsvRow), { record_delimiter: 'windows', escape_formulas: true });
}

function toCsvRow(log: LogResponse): (string | null)[] {
  const cells: Record<string, unknown> = {
    ...log,
    actor_type: log.actor.type,
    actor_name: log.actor.name,
    metadata: JSON.stringify(log.metadata),
  };
  return COLUMNS.map((column) => cells[column] as string | null);
}
