import fc from 'fast-check';
import { encodeId, newUuid, typeIdTail, typeIdTime, uuidTime } from '../common/ids.js';
import { coverCause, eraseEventBody, referenceIn, renderEventBody, type EventBodyInput } from './event-body.js';
import type { OperationState } from './operation-state.js';

const NOW = Date.parse('2026-11-02T21:25:52.418Z');
const accountId = newUuid(NOW);
const eventId = newUuid(NOW);
const snapshot: OperationState = {
  id: 'col_93d8',
  kind: 'collect',
  status: 'failed',
  version: 2,
  amount: 1000,
  currency: 'XOF',
  reference: 'INV-1021',
  channel: 'mtn_bj',
  customer: { name: 'Adjoua N.', email: null, phone: '+22971510758' },
  cause: { code: 'insufficient_funds', description: 'Balance too low' },
  metadata: {},
  createdAtMs: NOW,
  updatedAtMs: NOW,
};
const input: EventBodyInput = {
  accountId,
  mode: 'live',
  type: 'collect.failed',
  source: 'platform',
  externalId: 'led-99812',
  occurredAtMs: NOW - 418,
  operation: { snapshot, previousStatus: 'pending', stale: false },
  data: { fee: 20 },
};

/** As publish_events.sql and assembleBody join the parts. */
function assemble(given: EventBodyInput): string {
  const { toSequence, toCreated, tail } = renderEventBody(given);
  const suffix = typeIdTime(uuidTime(eventId)) + typeIdTail(eventId.replaceAll('-', '').slice(12));
  return `{"id":"evt_${suffix}${toSequence}43${toCreated}${new Date(NOW).toISOString()}${tail}`;
}

describe("an event's body", () => {
  it('is the example of the contract: the same keys in the same order, none left out', () => {
    expect(assemble(input)).toBe(
      JSON.stringify({
        id: encodeId('evt', eventId),
        object: 'event',
        account: encodeId('acct', accountId),
        mode: 'live',
        type: 'collect.failed',
        source: 'platform',
        external_id: 'led-99812',
        sequence: 43,
        occurred_at: '2026-11-02T21:25:52.000Z',
        created_at: '2026-11-02T21:25:52.418Z',
        operation: {
          id: 'col_93d8',
          kind: 'collect',
          status: 'failed',
          previous_status: 'pending',
          version: 2,
          stale: false,
          amount: 1000,
          currency: 'XOF',
          reference: 'INV-1021',
          channel: 'mtn_bj',
          customer: { name: 'Adjoua N.', email: null, phone: '+22971510758' },
          cause: { code: 'insufficient_funds', description: 'Balance too low' },
          metadata: {},
        },
        data: { fee: 20 },
      }),
    );
  });

  it('of a system event has null for the operation and the external id', () => {
    const body = JSON.parse(assemble({ ...input, operation: null, externalId: null })) as object;
    expect(body).toMatchObject({ operation: null, external_id: null });
    expect(Object.keys(body)).toHaveLength(12);
  });

  it('is JSON of what was given, whatever stands in texts and data', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, fc.dictionary(text, fc.jsonValue()), (externalId, name, given) => {
        const data = JSON.parse(JSON.stringify(given)) as object;
        const changed = { ...snapshot, reference: name, metadata: data as Record<string, unknown> };
        const operation = { snapshot: changed, previousStatus: null, stale: true };
        const body = JSON.parse(assemble({ ...input, externalId, operation, data })) as Record<string, unknown>;
        expect(body).toMatchObject({ external_id: externalId, sequence: 43, data });
        expect(body.operation).toMatchObject({ reference: name, metadata: data, stale: true, previous_status: null });
      }),
    );
  });

  it('erased is what a rendering without customer, metadata and data gives, byte by byte', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('a","operation":{', '\\","data":{}}', '\u2028"'),
    );
    fc.assert(
      fc.property(
        text,
        text,
        fc.dictionary(text, fc.jsonValue()),
        fc.maxSafeInteger(),
        (externalId, name, data, amount) => {
          const cause = { code: name, description: externalId };
          const customer = { name, email: externalId, phone: name };
          const changed = { ...snapshot, reference: name, cause, amount, customer, metadata: data };
          const operation = { snapshot: changed, previousStatus: name, stale: true };
          const covered = coverCause(cause, [customer]);
          const erased = { ...operation, snapshot: { ...changed, customer: null, cause: covered, metadata: {} } };
          const expected = assemble({ ...input, externalId, operation: erased, data: {} });
          const body = assemble({ ...input, externalId, operation, data });
          expect(eraseEventBody(body)).toEqual({ body: expected, customer });
          expect(eraseEventBody(expected)).toEqual({ body: expected, customer: null });
        },
      ),
    );
  });

  it('tells the reference of its operation, whatever stands in the other texts', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('a,"reference":"b"', '","operation":{"reference":"b"', '\\",', '\u2028"', 'reference'),
    );
    fc.assert(
      fc.property(text, text, fc.option(text), fc.dictionary(text, fc.jsonValue()), (externalId, name, given, data) => {
        const changed = {
          ...snapshot,
          id: name,
          kind: name,
          status: name,
          reference: given,
          channel: name,
          metadata: data,
        };
        const operation = { snapshot: changed, previousStatus: name, stale: true };
        const body = assemble({ ...input, externalId, operation, data });
        expect(referenceIn(body)).toBe(given);
        expect(referenceIn(eraseEventBody(body).body)).toBe(given);
      }),
    );
  });

  it('tells no reference where there is no operation, though its data look like one', () => {
    const data = { operation: { a: 1, reference: 'INV-1' }, a: { b: 1, reference: 'INV-2' } };
    expect(referenceIn(assemble({ ...input, operation: null, data }))).toBeNull();
    expect(referenceIn('')).toBeNull();
  });

  it('erased names nobody in its cause: neither its own customer nor those of the operation', () => {
    const cause = { code: 'late', description: 'Adjoua owes Zebulon, 71 51 07 58' };
    const changed = { ...snapshot, cause, customer: { name: 'Adjoua N.', email: null, phone: '+22971510758' } };
    const body = assemble({ ...input, operation: { snapshot: changed, previousStatus: null, stale: false } });
    const known = [{ name: 'Zebulon Q.', email: null, phone: null }];
    expect(JSON.parse(eraseEventBody(body, known).body)).toMatchObject({
      operation: { cause: { code: 'late', description: '**** owes ****, ****' } },
    });
  });

  it('of a system event has nothing to erase', () => {
    const body = assemble({ ...input, operation: null });
    expect(eraseEventBody(body)).toEqual({ body, customer: null });
  });
});
