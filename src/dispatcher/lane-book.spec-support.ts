import type { ClaimedDelivery, LaneClaim, LaneState } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { PacedAttempt } from './endpoint-pace.js';
import { LaneBook } from './lane-book.js';

export const lane = (account: string, endpoint: string): LaneId => [account, 'test', endpoint];
export const A1 = lane('a', 'a1');
export const A2 = lane('a', 'a2');
export const B1 = lane('b', 'b1');

export const SUCCEEDED: PacedAttempt = { outcome: 'succeeded', sentAtMs: 0, pauseMs: null };

export const newBook = (
  limits: { concurrency?: number; laneConcurrency?: number; claimLanes?: number } = {},
): LaneBook => new LaneBook({ concurrency: 12, laneConcurrency: 4, claimLanes: 10, ...limits });

export const state = (id: LaneId, more: Partial<LaneState> = {}): LaneState => ({
  lane: id,
  gen: '1',
  isOpen: true,
  rateLimit: null,
  isFailing: false,
  nextDueInMs: null,
  revision: '1',
  isOrdered: false,
  recheckedTo: null,
  ...more,
});

/** Named by the time at which it was due. */
export function delivery(id: LaneId, name: string): ClaimedDelivery {
  const rest = { revision: 1, eventType: 'collect.pending', operationId: null, attemptCount: 0, firstAttemptAt: null };
  return { lane: id, id: name, dueAtMs: Number(name), isUnsendable: false, eventId: name, body: '{}', ...rest };
}

/** The lanes that have their turn, with the room of each: `endpoint:room`. */
export const taken = (book: LaneBook, capacity = book.capacity(), nowMs = 0) =>
  book.takeClaims(capacity, nowMs).claims.map(({ lane: [, , endpoint], room }) => `${endpoint}:${room}`);

/** Claims for what has its turn; each lane gives the deliveries named, and stands as `more` says. */
export const claim = (
  book: LaneBook,
  given: Record<string, string[]> = {},
  more: Partial<LaneState> = {},
  nowMs = 0,
): LaneClaim[] => {
  const { claims } = book.takeClaims(book.capacity(), nowMs);
  book.apply(
    claims,
    {
      deliveries: claims.flatMap(({ lane: id }) => (given[id[2]] ?? []).map((name) => delivery(id, name))),
      lanes: claims.map(({ lane: id }) => state(id, more)),
    },
    nowMs,
  );
  return claims;
};

/** The end of a request and, at once, of its settle. */
export const finish = (book: LaneBook, id: LaneId, name: string, nowMs = 0, nextDueMs: number | null = null) => {
  const found = book.get(id[2])!;
  book.endSend(found, SUCCEEDED, nowMs);
  book.finish(found, name, nowMs, nextDueMs);
};
