/** Receivers take an older or younger signature for a replay. */
const LONGEST_SKEW_MS = 300_000;
/** A delivery's end is told rounded up to the millisecond, an arrival rounded down. */
const ROUNDING_MS = 1;

export const COUNTS = ['acknowledged', 'owed', 'delivered', 'ended', 'lost', 'duplicates', 'inversions', 'stuck'];

/**
 * Joins what publishers were told, what the receivers saw and what the service says of itself. It knows nothing of how
 * the service works, only what it promises.
 *
 * One account's `evidence`:
 * - `endpoints`: `{id, hook, eventTypes, isOrdered}`
 * - `acknowledged`: by `external_id`, `{id, sequence, type, operationId}`; `attempted`: every `external_id` sent
 * - `events`, `deliveries`: whole lists as the API gives them, newest first
 * - `receipts`: the receivers' records in the order of arrival (receiver.mjs)
 *
 * Answers counts, deliveries that were `repeated` after a 2xx, and every broken promise in one line of `violations`.
 */
export function judge(evidence) {
  const events = [...evidence.events].reverse();
  const byPair = groupBy(evidence.receipts, ({ eventId, hook }) => `${eventId} ${hook}`);
  const deliveries = groupBy(evidence.deliveries, (delivery) => `${delivery.event_id} ${delivery.endpoint_id}`);
  const verdict = { ...Object.fromEntries(COUNTS.map((count) => [count, 0])), violations: [], repeated: [] };
  verdict.acknowledged = evidence.acknowledged.size;
  const blame = (text) => verdict.violations.push(text);

  judgeLedger(events, evidence, blame);
  for (const receipt of evidence.receipts) {
    const { eventId, hook, isMoved, arrivedAtMs, signedAtMs } = receipt;
    if (isMoved) blame(`${eventId} followed a redirect of ${hook}`);
    if (Math.abs(arrivedAtMs - signedAtMs) > LONGEST_SKEW_MS)
      blame(`${eventId} reached ${hook} signed at another time`);
  }
  for (const endpoint of evidence.endpoints) {
    const owed = events.filter(({ type }) => matches(endpoint.eventTypes, type));
    const histories = owed.map((event) => ({
      event,
      receipts: byPair.get(`${event.id} ${endpoint.hook}`) ?? [],
      deliveries: deliveries.get(`${event.id} ${endpoint.id}`) ?? [],
    }));
    for (const history of histories) judgePair(endpoint, history, verdict, blame);
    if (endpoint.isOrdered) judgeOrder(endpoint, histories, verdict, blame);
  }
  return verdict;
}

/**
 * Blames what was sent again after a 2xx without an excuse. `orphaned`: ids of deliveries, each as often as nobody
 * could settle it any more under the lease under which it was claimed; `lostAnswers`: by id, how many answers to it
 * were lost.
 */
export function judgeRepeats(repeated, { orphaned, lostAnswers }) {
  return repeated.flatMap(({ deliveryId, duplicates }) => {
    const inTheAir = orphaned.filter((id) => id === deliveryId).length;
    const lost = lostAnswers.get(deliveryId) ?? 0;
    if (duplicates <= inTheAir + lost) return [];
    const excuses = `in the air at faults ${inTheAir} times, with ${lost} answers lost`;
    return [`${deliveryId} was sent again ${duplicates} times after a 2xx, ${excuses}`];
  });
}

/** Sequences without a gap, every `external_id` once, and each acknowledgement true. */
function judgeLedger(events, { acknowledged, attempted }, blame) {
  const stored = new Map();
  events.forEach(({ id, sequence, external_id: externalId }, n) => {
    if (sequence !== n + 1) blame(`sequence ${sequence} stands where ${n + 1} belongs`);
    if (externalId === null) return;
    if (stored.has(externalId)) blame(`${externalId} happened twice`);
    if (!attempted.has(externalId)) blame(`${externalId} was never published`);
    stored.set(externalId, `${id} ${sequence}`);
  });
  for (const [externalId, { id, sequence }] of acknowledged) {
    if (stored.get(externalId) !== `${id} ${sequence}`) {
      blame(`${externalId} was acknowledged as ${id} (${sequence}), and is ${stored.get(externalId) ?? 'nowhere'}`);
    }
  }
}

/** One event for one endpoint: received, or ended for a reason that is told; and by one delivery. */
function judgePair(endpoint, { event, receipts, deliveries }, verdict, blame) {
  verdict.owed += 1;
  const success = firstSuccess(receipts);
  const [delivery, another] = deliveries;
  const name = `${event.id} (${event.sequence}) for ${endpoint.hook}`;
  if (another !== undefined) blame(`${name} has ${deliveries.length} deliveries`);
  if (delivery?.status === 'pending') {
    verdict.stuck += 1;
    blame(`${name} is still pending, due ${delivery.next_attempt_at}, after ${delivery.attempt_count} attempts`);
  }
  if (success !== undefined) {
    verdict.delivered += 1;
    const duplicates = receipts.filter(({ arrived }) => isSuccess(lastAnswered(receipts, arrived))).length;
    if (duplicates > 0) verdict.repeated.push({ deliveryId: delivery?.id, duplicates });
    verdict.duplicates += duplicates;
  } else if (delivery?.status === 'failed' && delivery.status_reason !== null) {
    verdict.ended += 1;
  } else if (delivery?.status !== 'pending') {
    verdict.lost += 1;
    blame(`${name} was never received, and is ${delivery?.status ?? 'no delivery'}`);
  }
}

/** In an operation nothing arrives for the first time before everything earlier was answered by 2xx, or had ended. */
function judgeOrder(endpoint, histories, verdict, blame) {
  for (const [operationId, operation] of groupBy(histories, ({ event }) => event.operation?.id)) {
    // By the receiver's own order where there was a 2xx, else by the time at which the service ended the delivery.
    let answered = 0;
    let endedAtMs = 0;
    for (const { event, receipts, deliveries } of operation) {
      const [first] = receipts;
      if (first !== undefined && (first.arrived < answered || first.arrivedAtMs < endedAtMs - ROUNDING_MS)) {
        verdict.inversions += 1;
        blame(`${operationId} at ${endpoint.hook}: ${event.sequence} arrived before an earlier one had ended`);
      }
      const success = firstSuccess(receipts);
      if (success !== undefined) answered = Math.max(answered, success.answered);
      else endedAtMs = Math.max(endedAtMs, Date.parse(deliveries[0]?.ended_at ?? '') || Infinity);
    }
  }
}

function firstSuccess(receipts) {
  let first;
  for (const receipt of receipts) {
    if (isSuccess(receipt) && (first === undefined || receipt.answered < first.answered)) first = receipt;
  }
  return first;
}

/** The receiver's last word before `arrived`: a repeat that it answers by a failure has to be sent again. */
function lastAnswered(receipts, arrived) {
  let last;
  for (const receipt of receipts) {
    const isBefore = receipt.answered !== null && receipt.answered < arrived;
    if (isBefore && (last === undefined || receipt.answered > last.answered)) last = receipt;
  }
  return last;
}

function isSuccess(receipt) {
  return Math.floor((receipt?.status ?? 0) / 100) === 2;
}

function matches(eventTypes, type) {
  return eventTypes.some((wanted) => (wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : wanted === type));
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
