import type { IncomingMessage } from 'node:http';
import { TypeID } from 'typeid-js';
import { newUuid } from '../ids.js';

const ACCEPTED = /^[A-Za-z0-9._-]{8,128}$/;

/** The caller's own `request-id` when it has the accepted form, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['request-id'];
  if (typeof given === 'string' && ACCEPTED.test(given)) return given;
  return TypeID.fromUUID('req', newUuid(Date.now())).toString();
}
