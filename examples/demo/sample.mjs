import { readFileSync } from 'node:fs';

/** The fortnight of examples/operations-sample.ndjson, one event input a line, moved so that its last event is at `end`. */
export function loadSample(end) {
  const text = readFileSync(new URL('../operations-sample.ndjson', import.meta.url), 'utf8');
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const moveMs = end.getTime() - Math.max(...events.map((event) => Date.parse(event.occurred_at)));
  return events.map((event) => ({
    ...event,
    occurred_at: new Date(Date.parse(event.occurred_at) + moveMs).toISOString(),
  }));
}
