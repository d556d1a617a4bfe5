import request from 'supertest';
import type { Service } from './service.js';

/** An event as publishing answers it and every read gives it. */
export interface PublishedEvent {
  readonly id: string;
  readonly type: string;
  readonly external_id: string | null;
  readonly sequence: number;
  readonly created_at: string;
  readonly operation: PublishedOperation | null;
  readonly [field: string]: unknown;
}
export interface PublishedOperation {
  readonly id: string;
  readonly status: string;
  readonly version: number;
  readonly stale: boolean;
  readonly [field: string]: unknown;
}

/** What a batch answers, an item at a time. */
export interface BatchAnswer {
  readonly created: number;
  readonly failed: number;
  readonly results: readonly {
    readonly status: number;
    readonly event: PublishedEvent | null;
    readonly error: { readonly code: string; readonly errors: readonly { field: string; code: string }[] } | null;
  }[];
}

/** An event input of the operation `id`; `more` is laid over the event, `operation` in it over the operation. */
export function operationEvent(type: string, id: string, more: object = {}): Record<string, unknown> {
  const { operation, ...event } = more as { operation?: object };
  return { type, operation: { id, amount: 1000, currency: 'XOF', reference: `INV-${id}`, ...operation }, ...event };
}

export function publish(service: Service, key: string, input: object): request.Test {
  return service.call('post', '/v1/events', { key, body: input });
}

/** Publishes and expects 201. */
export async function publishNew(service: Service, key: string, input: object): Promise<PublishedEvent> {
  const { body } = await publish(service, key, input).expect(201);
  return body as PublishedEvent;
}

export async function publishBatch(service: Service, key: string, events: readonly object[]): Promise<BatchAnswer> {
  const { body } = await service.call('post', '/v1/events/batch', { key, body: { events } }).expect(200);
  return body as BatchAnswer;
}

/** A POST of exactly these bytes. */
export function postBytes(service: Service, path: string, key: string, bytes: string, headers = {}): request.Test {
  return request(service.app.getHttpServer())
    .post(path)
    .set({ authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers })
    .send(bytes);
}

/** Each item of a batch as `201`, or as its error's status and code with the fields that are wrong. */
export function itemOutcomes({ results }: BatchAnswer): string[] {
  return results.map(({ status, error }) =>
    [status, error?.code, ...(error?.errors ?? []).map(({ field, code }) => `${field}:${code}`)]
      .filter((part) => part !== undefined)
      .join(' '),
  );
}

/** Everything of a list, oldest first. */
export async function readAll<T extends { id: string }>(service: Service, path: string, key: string): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | undefined; ; cursor = all[0]!.id) {
    const query = { limit: 100, ...(cursor !== undefined && { starting_after: cursor }) };
    const { body } = await service.call('get', path, { key, query }).expect(200);
    const { data, has_more: hasMore } = body as { data: T[]; has_more: boolean };
    all.unshift(...data.reverse());
    if (!hasMore) return all;
  }
}
