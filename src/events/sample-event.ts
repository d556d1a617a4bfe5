import type { Tenant } from '../auth/caller.js';
import { encodeId, newUuid } from '../common/ids.js';
import type { EventType } from './built-in-event-types.js';
import { renderEventBody } from './event-body.js';
import { parseEventInput } from './event-input.js';
import { applyReport } from './operation-state.js';

/** A sample is no event of the ledger: no real one has this sequence. */
const SAMPLE_SEQUENCE = 0;

export interface SampleEvent {
  readonly id: string;
  /** As an event of this type would be sent. */
  readonly body: string;
}

/** The sample of a type as if it had just been published: whole, with an id of its own that no event has. */
export function renderSampleEvent({ type, sample }: EventType, tenant: Tenant, nowMs: number): SampleEvent {
  const input = parseEventInput(sample ?? { type, data: {} });
  const [kind, status] = type.split('.') as [string, string];
  const report = input.operation ? { kind, status, ...input.operation } : null;
  const parts = renderEventBody({
    ...tenant,
    type,
    source: 'platform',
    externalId: input.external_id ?? null,
    occurredAtMs: nowMs,
    operation: report && applyReport(null, report, nowMs, nowMs),
    data: input.data ?? {},
  });
  const id = encodeId('evt', newUuid(nowMs));
  const created = new Date(nowMs).toISOString();
  return { id, body: `{"id":"${id}${parts.toSequence}${SAMPLE_SEQUENCE}${parts.toCreated}${created}${parts.tail}` };
}
