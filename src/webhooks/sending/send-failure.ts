import type { AttemptError } from '../../deliveries/attempt-errors.js';

/** What came of an answer: all of it, or what was read before a failure. */
export interface Answer {
  readonly statusCode: number;
  readonly retryAfter: string | null;
  /** The first bytes of the body. */
  readonly body: Buffer;
  /** Whether the body was longer than `body`. */
  readonly truncated: boolean;
}

/** Why an attempt has no whole answer. `message` is for the merchant: what to do, and never an address. */
export class SendFailure extends Error {
  constructor(
    readonly code: AttemptError,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SendFailure';
  }
}

const CONNECT_MESSAGES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The receiver refused the connection: is it running, and listening on this port?',
  EHOSTUNREACH: 'The receiver cannot be reached over the network.',
  ENETUNREACH: 'The receiver cannot be reached over the network.',
  ETIMEDOUT: 'The receiver did not accept the connection: is a firewall in the way?',
  UND_ERR_CONNECT_TIMEOUT: 'The receiver did not accept the connection in time: is a firewall in the way?',
};

const TLS_MESSAGES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "The receiver's TLS certificate has expired.",
  CERT_NOT_YET_VALID: "The receiver's TLS certificate is not valid yet.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "The receiver's TLS certificate is self-signed; use one of a public authority.",
  SELF_SIGNED_CERT_IN_CHAIN: "The receiver's TLS certificate leads to an authority that is not public.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "The receiver's TLS chain is incomplete: serve the intermediate certificates too.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "The receiver's TLS chain is incomplete, or its authority is not public.",
  ERR_TLS_CERT_ALTNAME_INVALID: "The receiver's TLS certificate is for another host name.",
};

/** The class of an error met while a connection was being made. */
export function connectFailure(error: unknown): SendFailure {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  const message = CONNECT_MESSAGES[code];
  if (message !== undefined || syscall === 'connect') {
    return new SendFailure('connect', message ?? 'No connection to the receiver could be made.', { cause: error });
  }
  const tlsMessage = TLS_MESSAGES[code] ?? 'The TLS handshake failed: check certificate, protocol and port.';
  return new SendFailure('tls', tlsMessage, { cause: error });
}

/** The class of an error met on an open connection. */
export function exchangeFailure(error: Error): SendFailure {
  if (error instanceof SendFailure) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new SendFailure('too_large_headers', "The headers of the receiver's answer are too large.", {
      cause: error,
    });
  }
  // Undici marks what its parser refuses by name, and an answer out of place by these two messages alone.
  const isMalformed = error.name === 'HTTPParserError' || /^bad (response|upgrade)$/.test(error.message);
  if (isMalformed || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return new SendFailure('protocol', "The receiver's answer is not correct HTTP/1.1.", { cause: error });
  }
  if (code === 'UND_ERR_INVALID_ARG') {
    return new SendFailure('protocol', 'The request could not be made.', { cause: error });
  }
  return new SendFailure('reset', 'The receiver closed the connection before its answer was complete.', {
    cause: error,
  });
}
