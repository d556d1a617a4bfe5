import { eraseInput } from './erased-input.js';

const operation = { id: 'col_1', amount: 1000, reference: 'INV-1', cause: { code: 'late', description: null } };
const personal = { customer: { name: 'Adjoua' }, metadata: { order: 'A-77' } };

describe('an input of an erased operation', () => {
  it('keeps what is not personal, in its order, and leaves the rest out', () => {
    const input = {
      type: 'collect.failed',
      operation: { ...personal, ...operation },
      data: { fee: 20 },
      external_id: 'a',
    };
    const erased = JSON.stringify({ type: 'collect.failed', operation, external_id: 'a' });
    expect(eraseInput(JSON.stringify(input), 'col_1')).toBe(erased);
    expect(eraseInput(erased, 'col_1')).toBeNull();
  });

  it('loses fields that no input has, for anything may stand in them', () => {
    const input = { type: 'collect.failed', operation: { ...operation, payer: 'Adjoua' }, note: 'of Adjoua' };
    expect(eraseInput(JSON.stringify(input), 'col_1')).toBe(JSON.stringify({ type: 'collect.failed', operation }));
  });

  it('names neither its customer nor the operation’s in its cause, which loses fields that no input has', () => {
    const cause = { code: 'late', description: 'Adjoua owes Zebulon', payer: 'Adjoua' };
    const text = JSON.stringify({ operation: { ...operation, ...personal, cause } });
    const erased = { ...operation, cause: { code: 'late', description: '**** owes ****' } };
    expect(eraseInput(text, 'col_1', { name: 'Zebulon Q.', email: null, phone: null })).toBe(
      JSON.stringify({ operation: erased }),
    );
  });

  it('is found however its id is written', () => {
    const input = JSON.stringify({ operation: { ...operation, ...personal } }).replace('col_1', '\\u0063ol_1');
    expect(eraseInput(input, 'col_1')).toBe(JSON.stringify({ operation }));
  });

  it.each(['{}', 'null', '[]', '"col_1"', '{"operation":null}', '{"operation":["col_1"]}', '{"operation":{"id":1}}'])(
    'is not %s',
    (text) => {
      expect(eraseInput(text, 'col_1')).toBeNull();
    },
  );

  it('is none of another operation', () => {
    const input = { operation: { ...operation, ...personal, id: 'col_11' } };
    expect(eraseInput(JSON.stringify(input), 'col_1')).toBeNull();
  });
});
