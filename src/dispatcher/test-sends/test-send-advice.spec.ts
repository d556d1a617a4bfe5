import type { AttemptError } from '../../deliveries/attempt-errors.js';
import type { SendResult } from '../../webhooks/sending/webhook-client.js';
import { explainFailure } from './test-send-advice.js';

const result = (changes: Partial<SendResult>): SendResult => ({
  startedAt: new Date(0),
  durationMs: 1,
  statusCode: null,
  retryAfter: null,
  error: null,
  responseBody: null,
  responseTruncated: false,
  ...changes,
});
const CODES: AttemptError[] = [
  ...(['policy', 'dns', 'connect', 'tls', 'timeout', 'reset', 'protocol', 'too_large_headers'] as const),
];

describe('explainFailure', () => {
  it('has nothing to say of a delivery', () => {
    for (const statusCode of [200, 202, 204]) expect(explainFailure(result({ statusCode }))).toBeNull();
  });

  it.each(CODES)('advises on %s, even beside a good status', (code) => {
    const failed = explainFailure(result({ statusCode: 200, error: { code, message: 'It broke.' } }));
    expect(failed).toEqual({ code, message: 'It broke.', advice: expect.stringMatching(/^[A-Z].{30,}\.$/) as string });
  });

  it.each([
    [302, 'status_3xx', /Redirects are not followed/],
    [404, 'status_4xx', /check the URL/],
    [410, 'status_4xx', /gone for good/],
    [418, 'status_4xx', /refused/],
    [500, 'status_5xx', /failed/],
    [599, 'status_5xx', /failed/],
  ])('advises on the status %i', (statusCode, code, advice) => {
    expect(explainFailure(result({ statusCode }))).toEqual({
      code,
      message: `The receiver answered ${statusCode}.`,
      advice: expect.stringMatching(advice) as string,
    });
  });
});
