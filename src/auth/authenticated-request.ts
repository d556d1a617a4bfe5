import type { FastifyRequest } from 'fastify';
import type { Caller } from './caller.js';
import type { Credential } from './verification/credential.js';
import type { Presented } from './verification/presented-key.js';

/** What authentication leaves on a request. */
export interface AuthenticatedRequest extends FastifyRequest {
  /**
   * What authentication reads of it. Kept from the first time, since a request with a body may be authenticated twice:
   * when its headers are there, and behind its body.
   */
  presented?: Presented;
  /** Set as soon as the key proved right, also when the request is refused then: whose log the refusal belongs to. */
  credential?: Credential;
  /** Set where the key may be used, before the guard, which then need not ask again. */
  authenticated?: Credential;
  /** Who was let in. */
  caller?: Caller;
}
