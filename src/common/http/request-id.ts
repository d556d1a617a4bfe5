import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const ACCEPTED = /^[A-Za-z0-9._-]{8,128}$/;

/** The caller's own `request-id` when it has the accepted form, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['request-id'];
  if (typeof given === 'string' && ACCEPTED.test(given)) return given;
  return newRequestId();
}

/** Sorts by time like our other ids, at a fraction of their cost: ten digits of time in base 32, 64 random bits. */
function newRequestId(): string {
  const random = randomUUID();
  return `req_${Date.now().toString(32).padStart(10, '0')}${random.slice(24)}${random.slice(9, 13)}`;
}
