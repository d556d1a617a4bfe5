import { decodeId } from '../../src/common/ids.js';
import { NOTIFY_LANES } from '../../src/database/wake-up-notices.js';
import { Service, type ServiceOptions, until } from './service.js';

export interface ShownDelivery {
  readonly id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly endpoint_id: string;
  readonly operation_id: string | null;
  readonly status: string;
  readonly status_reason: string | null;
  readonly in_flight: boolean;
  readonly attempt_count: number;
  readonly next_attempt_at: string | null;
  readonly ended_at: string | null;
  readonly attempts: readonly {
    readonly number: number;
    readonly outcome: string;
    readonly status_code: number | null;
    readonly error: { readonly code: string } | null;
    readonly response_body: string | null;
    readonly duration_ms: number;
  }[];
}

/** Deliveries may go to receivers on loopback. */
export const SENDING = { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' };

/** A process that also dispatches. */
export function startSending({ environment, ...options }: ServiceOptions = {}): Promise<Service> {
  return Service.start({
    ...options,
    environment: { ROLE: 'all', ...SENDING, ...environment },
  });
}

/** The id and the secret of a new endpoint. */
export async function makeEndpoint(
  service: Service,
  key: string,
  input: object,
): Promise<{ id: string; secret: string }> {
  const body = { event_types: ['collect.*'], ...input };
  const { body: made } = await service.call('post', '/v1/webhook-endpoints', { key, body }).expect(201);
  return made as { id: string; secret: string };
}

export async function readDelivery(service: Service, key: string, id: string): Promise<ShownDelivery> {
  const { body } = await service.call('get', `/v1/deliveries/${id}`, { key }).expect(200);
  return body as ShownDelivery;
}

/** Newest first, a page of 100, without their attempts. */
export async function listDeliveries(service: Service, key: string, query: object = {}): Promise<ShownDelivery[]> {
  const { body } = await service.call('get', '/v1/deliveries', { key, query: { limit: 100, ...query } }).expect(200);
  return (body as { data: ShownDelivery[] }).data;
}

/** The event's only delivery, once `isTrue` of it. */
export async function deliveryWhen(
  service: Service,
  key: string,
  eventId: string,
  isTrue: (delivery: ShownDelivery) => boolean,
): Promise<ShownDelivery> {
  let found: ShownDelivery | undefined;
  await until(async () => {
    [found] = await listDeliveries(service, key, { event_id: eventId });
    return found !== undefined && isTrue(found);
  });
  return readDelivery(service, key, found!.id);
}

export const isEnded = ({ status }: ShownDelivery): boolean => status !== 'pending';
export const isWaitingAfter =
  (attempts: number) =>
  ({ status, attempt_count: count }: ShownDelivery): boolean =>
    status === 'pending' && count === attempts;

/** What `POST …/retry` will do: the delivery is due at once, whatever it waited for. */
export async function makeDue(service: Service, deliveryId: string): Promise<void> {
  await service.dataSource.query(
    `WITH due AS (
       UPDATE signalpost.pending_deliveries SET due_at = now() WHERE id = $1 RETURNING account_id, mode, endpoint_id
     )
     UPDATE signalpost.lanes AS lane
     SET gen = gen + 1, wake_at = CASE WHEN owner IS NULL THEN now() ELSE wake_at END
     FROM due
     WHERE lane.account_id = due.account_id AND lane.mode = due.mode AND lane.endpoint_id = due.endpoint_id`,
    [decodeId('del', deliveryId)],
  );
  await service.dataSource.query(NOTIFY_LANES.text);
}
