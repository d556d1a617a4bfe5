import { type Tenant, tenantKey } from '../auth/caller.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { EndpointPace } from './endpoint-pace.js';
import { laneKey, newLane, type Lane } from './lane.js';

/** Paces of lanes given back or lost that this process keeps for when it owns them again. */
const REMEMBERED_PACES = 10_000;

/** The lanes that this process owns or means to take, and what it learnt of the receivers of others. */
export class LaneRegistry {
  private readonly lanes = new Map<string, Lane>();
  private readonly byLedger = new Map<string, Set<Lane>>();
  /** Of lanes that it has no more, oldest first. */
  private readonly paces = new Map<string, Pick<Lane, 'pace' | 'revision'>>();

  /** @param laneConcurrency requests in the air for one lane */
  constructor(private readonly laneConcurrency: number) {}

  get size(): number {
    return this.lanes.size;
  }

  get(key: string): Lane | undefined {
    return this.lanes.get(key);
  }

  /** False for one that was dropped, though another may stand in its place. */
  has(lane: Lane): boolean {
    return this.lanes.get(lane.key) === lane;
  }

  all(): Lane[] {
    return [...this.lanes.values()];
  }

  ofLedger(tenant: Tenant): Iterable<Lane> {
    return this.byLedger.get(tenantKey(tenant)) ?? [];
  }

  add(id: LaneId, nowMs: number): Lane {
    const key = laneKey(id);
    const known = this.paces.get(key);
    this.paces.delete(key);
    const lane = newLane(id, known?.pace ?? this.newPace(), nowMs);
    lane.revision = known?.revision ?? null;
    this.lanes.set(key, lane);
    const ledger = ledgerOf(id);
    const siblings = this.byLedger.get(ledger);
    if (siblings === undefined) this.byLedger.set(ledger, new Set([lane]));
    else siblings.add(lane);
    return lane;
  }

  /** What was learnt of its receiver is kept for a while: another process may own it in between. */
  drop(lane: Lane): void {
    this.lanes.delete(lane.key);
    this.paces.set(lane.key, { pace: lane.pace, revision: lane.revision });
    if (this.paces.size > REMEMBERED_PACES) this.paces.delete(this.paces.keys().next().value!);
    const ledger = ledgerOf(lane.id);
    const siblings = this.byLedger.get(ledger);
    if (siblings?.delete(lane) && siblings.size === 0) this.byLedger.delete(ledger);
  }

  /** @returns the lane that has a new pace now, if this process has it. */
  forgetPace(id: LaneId): Lane | undefined {
    this.paces.delete(laneKey(id));
    const lane = this.lanes.get(laneKey(id));
    if (lane !== undefined) lane.pace = this.newPace();
    return lane;
  }

  private newPace(): EndpointPace {
    return new EndpointPace(this.laneConcurrency);
  }
}

function ledgerOf([accountId, mode]: LaneId): string {
  return tenantKey({ accountId, mode });
}
