import { tenantKey } from '../auth/caller.js';
import { uuidFrom, uuidOrdinal } from '../common/ids.js';
import type { HandedLane } from '../deliveries/hand-offs.js';
import type { ClaimedDelivery } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { PlannedLane, PublishReceipt } from './ingest.repository.js';
import { assembleBody, type PlannedEvent, type PublishPlan } from './publish-plan.js';

/** What a publish handed over, as a claim would have read it. A delivery's id has its event's ordinal. */
export function handedLanes(plan: PublishPlan, { ledgers, lanes }: PublishReceipt): HandedLane[] {
  const handing = lanes.filter(({ handed }) => handed.length > 0);
  if (handing.length === 0) return [];
  const eventsOf = new Map(plan.ledgers.map(({ tenant }) => [tenantKey(tenant), [] as PlannedEvent[]]));
  const lists = [...eventsOf.values()];
  for (const planned of plan.events) lists[planned.ledger]!.push(planned);
  return handing.map(({ lane, gen, revision, planned, handed }) => {
    const [accountId, mode] = lane;
    const events = eventsOf.get(tenantKey({ accountId, mode }))!;
    const deliveries = handed.map((id): ClaimedDelivery => {
      const event = events[uuidOrdinal(id) - 1]!;
      return toClaimed(id, lane, revision, event, ledgers[event.ledger]!);
    });
    return { lane, gen, deliveries, isAll: handed.length === planned };
  });
}

/** The lanes for which something is left to be claimed. */
export function lanesToWake(lanes: readonly PlannedLane[]): LaneId[] {
  return lanes.filter(({ handed, planned }) => handed.length < planned).map(({ lane }) => lane);
}

function toClaimed(
  id: string,
  lane: LaneId,
  revision: number,
  planned: PlannedEvent,
  receipt: PublishReceipt['ledgers'][number],
): ClaimedDelivery {
  const [, ms] = receipt;
  return {
    lane,
    id,
    dueAtMs: ms,
    revision,
    eventId: uuidFrom(ms, planned.idTail),
    eventType: planned.event.type,
    operationId: planned.applied?.snapshot.id ?? null,
    attemptCount: 0,
    firstAttemptAt: null,
    isUnsendable: false,
    body: assembleBody(planned, receipt),
  };
}
