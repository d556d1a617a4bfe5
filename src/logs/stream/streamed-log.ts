import { encodeId } from '../../common/ids.js';
import { dataFrame } from '../../common/sse/sse-frames.js';
import { toLogResponse } from '../logs.dto.js';
import type { LogRow } from '../log-statements.js';

export interface StreamedLogRow extends LogRow {
  /** As `searchText` made it. */
  readonly search: string;
}

/** A log on its way to the streams of its account and mode: read once, encoded once, for all of them. */
export class StreamedLog {
  private encoded: Buffer | null = null;

  constructor(readonly row: StreamedLogRow) {}

  get frame(): Buffer {
    return (this.encoded ??= dataFrame(encodeId('log', this.row.id), JSON.stringify(toLogResponse(this.row))));
  }
}
