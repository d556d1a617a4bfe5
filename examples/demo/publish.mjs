const SINGLE_EVENTS = 75;
export const BATCH_EVENTS = 50;

/**
 * Publishes the sample in its order, first one by one, then in batches. What was accepted is added to `published` as
 * `{id, isSingle, sentMs}`, with the time at which its request began.
 */
export async function publishAll(merchant, sample, published) {
  for (const input of sample.slice(0, SINGLE_EVENTS)) {
    const sentMs = performance.now();
    const { id } = await merchant.post('/v1/events', input);
    published.push({ id, isSingle: true, sentMs });
  }
  for (let first = SINGLE_EVENTS; first < sample.length; first += BATCH_EVENTS) {
    const events = sample.slice(first, first + BATCH_EVENTS);
    const sentMs = performance.now();
    const { results } = await merchant.post('/v1/events/batch', { events });
    for (const { event, error } of results) {
      if (error !== null) throw new Error(`an event of the sample was refused: ${error.code}, ${error.detail}`);
      published.push({ id: event.id, isSingle: false, sentMs });
    }
  }
}
