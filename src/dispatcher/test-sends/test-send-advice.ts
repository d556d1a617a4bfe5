import type { AttemptError } from '../../deliveries/attempt-errors.js';
import type { SendResult } from '../../webhooks/sending/webhook-client.js';

/** As in an endpoint's statistics. */
export type TestSendErrorCode = AttemptError | 'status_1xx' | 'status_3xx' | 'status_4xx' | 'status_5xx';

export interface TestSendError {
  readonly code: TestSendErrorCode;
  /** What happened, without an address. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}

const ADVICE: Readonly<Record<AttemptError, string>> = {
  policy: "Use a host on the public internet. For one of your own network, ask the platform's operator to allow it.",
  dns: 'Check the spelling of the host, and that its A or AAAA record is published; a new one may take minutes.',
  connect: 'Check that the server runs, that it listens on this port, and that its firewall lets the internet in.',
  tls: 'Serve a valid certificate of a public authority for this host name, with its intermediate certificates.',
  timeout: 'Answer 2xx as soon as the event is stored, and do the work afterwards; or raise `timeout_ms`.',
  reset: 'The server, or a proxy before it, closed the connection while it was answering: look into their logs.',
  protocol: 'The URL must lead to an HTTP/1.1 server: check scheme and port, and any proxy in front of it.',
  too_large_headers: 'Answer with fewer or shorter headers; 16 KiB are read.',
};

const ADVICE_FOR_STATUS: Readonly<Record<number, string>> = {
  400: 'Your server refused the request: if it verifies signatures, try verify-signature with what it received.',
  401: 'Your server wants credentials: send them through the `headers` of the endpoint, or verify the signature instead.',
  403: 'Your server, or a firewall before it, refused the request: let POST requests to this path in.',
  404: 'Nothing answers at this path: check the URL, its slash at the end too.',
  405: 'This path takes no POST: add a route for it.',
  410: 'Your server says that the endpoint is gone for good: a real event would now disable it.',
  413: 'Your server takes no body of this size: events have up to 256 KiB.',
  415: 'Your server does not take application/json at this path.',
  429: 'Your server is limiting requests: set the `rate_limit` of the endpoint.',
};

/** What a failed test tells; null when it was delivered. */
export function explainFailure({ error, statusCode }: SendResult): TestSendError | null {
  if (error !== null) return { ...error, advice: ADVICE[error.code] };
  const status = statusCode ?? 0;
  const hundreds = Math.floor(status / 100);
  if (hundreds === 2) return null;
  return {
    code: `status_${hundreds}xx` as TestSendErrorCode,
    message: `The receiver answered ${status}.`,
    advice: ADVICE_FOR_STATUS[status] ?? adviceForClass(hundreds),
  };
}

function adviceForClass(hundreds: number): string {
  if (hundreds === 3) return 'Redirects are not followed: put the final URL into the endpoint.';
  if (hundreds === 4) return 'Your server refused the request: look into its log for the reason.';
  return 'Your server failed while it handled the request: look into its log for the error.';
}
