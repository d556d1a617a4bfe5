const SINGLE_EVENTS = 75;
export const BATCH_EVENTS = 50;

/**
 * Publishes the sample in its order, first one by one, then in batches. What was acknowledged is added to `published`
 * as `{id, isSingle, acknowledgedMs}`.
 */
export async function publishAll(merchant, sample, published) {
  const acknowledge = ({ id }, isSingle) => published.push({ id, isSingle, acknowledgedMs: performance.now() });
  for (const input of sample.slice(0, SINGLE_EVENTS)) acknowledge(await merchant.post('/v1/events', input), true);
  for (let first = SINGLE_EVENTS; first < sample.length; first += BATCH_EVENTS) {
    const events = sample.slice(first, first + BATCH_EVENTS);
    const { results } = await merchant.post('/v1/events/batch', { events });
    for (const { event, error } of results) {
      if (error !== null) throw new Error(`an event of the sample was refused: ${error.code}, ${error.detail}`);
      acknowledge(event, false);
    }
  }
}
