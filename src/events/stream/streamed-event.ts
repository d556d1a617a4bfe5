import { dataFrame } from '../../common/sse/sse-frames.js';
import type { DeliveryStatus } from '../../deliveries/delivery-rows.js';

/** What filters judge an event by, and its bytes. */
export interface EventRow {
  readonly sequence: number;
  /** Its uuid: ids are in the order of the sequence. */
  readonly id: string;
  readonly type: string;
  readonly externalId: string | null;
  readonly operationId: string | null;
  readonly operationKind: string | null;
  readonly operationStatus: string | null;
  readonly reference: string | null;
  /** As `searchText` made it. */
  readonly search: string;
  readonly occurredAtMs: number;
  readonly body: string;
}

/** An event on its way to the streams of its account and mode: read once, encoded once, for all of them. */
export class StreamedEvent {
  private encoded: Buffer | null = null;

  /** `deliveryStatuses`: null when nobody asked for them. */
  constructor(
    readonly row: EventRow,
    readonly deliveryStatuses: ReadonlySet<DeliveryStatus> | null,
  ) {}

  get frame(): Buffer {
    return (this.encoded ??= dataFrame(String(this.row.sequence), this.row.body));
  }
}
