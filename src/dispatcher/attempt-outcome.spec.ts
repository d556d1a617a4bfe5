import type { ClaimedDelivery } from '../deliveries/lane-queue.repository.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import { judgeAttempt, type OutcomeContext } from './attempt-outcome.js';

const ACCOUNT = '0198c0de-0000-7000-8000-000000000001';
const UUID = '0198c0de-0000-7000-8000-000000000002';
const STARTED_AT = new Date('2026-11-02T21:25:52.000Z');

function attempt(more: Partial<ClaimedDelivery> = {}, result: Partial<SendResult> = {}, failing = false, watched = {}) {
  const delivery: ClaimedDelivery = {
    lane: [ACCOUNT, 'test', UUID],
    id: UUID,
    dueAtMs: STARTED_AT.getTime(),
    isUnsendable: false,
    revision: 1,
    eventId: UUID,
    eventType: 'collect.pending',
    operationId: 'col_1',
    attemptCount: 0,
    firstAttemptAt: null,
    body: '{}',
    ...more,
  };
  const sent: SendResult = {
    startedAt: STARTED_AT,
    durationMs: 120,
    statusCode: 200,
    retryAfter: null,
    error: null,
    responseBody: 'ok',
    responseTruncated: false,
    ...result,
  };
  const settings = { url: 'https://shop.example/hook', retrySchedule: null } as unknown as EndpointSettings;
  const context: OutcomeContext = { settings, locale: 'en', isFailing: failing, random: 0.5 };
  const settlement = judgeAttempt(
    Object.defineProperties(delivery, Object.getOwnPropertyDescriptors(watched)),
    sent,
    context,
  );
  return { settlement, disable: settlement.disable };
}

describe('judgeAttempt', () => {
  it.each([200, 201, 204, 299])('takes %i as success, of which only one after a failure is worth a log', (status) => {
    const { settlement, disable } = attempt({}, { statusCode: status });
    expect(settlement).toMatchObject({ number: 1, next: { end: 'succeeded', reason: null }, log: null });
    expect(settlement.attempt).toMatchObject({ outcome: 'succeeded', statusCode: status, errorCode: null });
    expect([settlement.systemEvent, disable]).toEqual([null, null]);
    expect(attempt({ attemptCount: 1 }, { statusCode: status }).settlement.log).toMatchObject({
      action: 'delivery.succeeded',
      status: 'succeeded',
    });
  });

  it.each([100, 301, 302, 400, 404, 429, 500, 503])('takes %i as a failure that is tried again', (status) => {
    const { settlement, disable } = attempt({}, { statusCode: status });
    expect(settlement.next).toEqual({ waitMs: 5_000 });
    expect(settlement.attempt).toMatchObject({ outcome: 'failed', statusCode: status });
    const redirected = status > 300 && status < 400 ? ' (redirects are not followed)' : '';
    expect(settlement.log).toEqual({
      action: 'delivery.failed',
      status: 'failed',
      description: `Webhook to shop.example/hook failed: ${status}${redirected} after 120 ms; next try in 5 s`,
      operationId: 'col_1',
      reference: null,
    });
    expect(disable).toBeNull();
  });

  it.each(['policy', 'dns', 'connect', 'tls', 'timeout', 'reset', 'protocol', 'too_large_headers'] as const)(
    'takes the error %s as a failure, also beside a status of success or of 410',
    (code) => {
      for (const statusCode of [null, 200, 410]) {
        const { settlement, disable } = attempt({}, { statusCode, error: { code, message: 'No.' } });
        expect(settlement.next).toEqual({ waitMs: 5_000 });
        expect(settlement.attempt).toMatchObject({ outcome: 'failed', errorCode: code, errorMessage: 'No.' });
        expect(disable).toBeNull();
      }
    },
  );

  it('looks into the body, for the reference, only where a log is written', () => {
    let looks = 0;
    const watched = {
      get body() {
        looks += 1;
        return '{"id":"evt_1","operation":{"id":"col_1","reference":"INV-1"},"data":{}}';
      },
    };
    // Laid over as a property, so that reading it is seen.
    const judge = (attemptCount: number, statusCode: number) =>
      attempt({ attemptCount }, { statusCode }, false, watched);
    expect(judge(0, 200).settlement.log).toBeNull();
    expect(looks).toBe(0);
    expect(judge(1, 200).settlement.log).toMatchObject({ operationId: 'col_1', reference: 'INV-1' });
    expect(judge(0, 500).settlement.log).toMatchObject({ operationId: 'col_1', reference: 'INV-1' });
    expect(looks).toBe(2);
  });

  it('ends at 410 and asks for the endpoint to be disabled', () => {
    const { settlement, disable } = attempt({}, { statusCode: 410 });
    expect(settlement).toMatchObject({ next: { end: 'failed', reason: 'gone' }, log: { action: 'delivery.failed' } });
    expect([settlement.systemEvent, disable]).toEqual([null, 'gone']);
  });

  it('honours Retry-After, counted from the end of the attempt', () => {
    expect(attempt({}, { statusCode: 503, retryAfter: '60' }).settlement.next).toEqual({ waitMs: 60_000 });
    const date = new Date(STARTED_AT.getTime() + 60_000).toUTCString();
    expect(attempt({}, { statusCode: 503, retryAfter: date }).settlement.next).toEqual({ waitMs: 59_880 });
  });

  it('ends as exhausted past the eight days, with a log and an event', () => {
    const last = { attemptCount: 15, firstAttemptAt: new Date(STARTED_AT.getTime() - 7.5 * 86_400_000) };
    const { settlement, disable } = attempt(last, { statusCode: 500 });
    expect(settlement).toMatchObject({
      number: 16,
      next: { end: 'failed', reason: 'exhausted' },
      log: { action: 'delivery.exhausted', status: 'failed' },
      systemEvent: {
        type: 'delivery.exhausted',
        data: {
          delivery_id: expect.stringMatching(/^del_/) as string,
          event_id: expect.stringMatching(/^evt_/) as string,
          endpoint_id: expect.stringMatching(/^we_/) as string,
          attempt_count: 16,
        },
      },
    });
    expect(disable).toBe('failing');
    const aboutItself = attempt({ ...last, eventType: 'delivery.exhausted' }, { statusCode: 500 });
    expect(aboutItself.settlement.systemEvent).toBeNull();
  });

  it('begins a run of failures with every failure, and ends one with the first success after it', () => {
    expect(attempt({}, { statusCode: 500 }).settlement.failingBegins).toBe(true);
    expect(attempt({}, { statusCode: 500 }, true).settlement.failingBegins).toBe(true);
    expect(attempt({}, {}, true).settlement).toMatchObject({ failingBegins: false, log: { status: 'succeeded' } });
    expect(attempt().settlement.failingBegins).toBeNull();
  });
});
