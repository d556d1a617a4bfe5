import fc from 'fast-check';
import { coverPersons, type Person } from './covered-persons.js';

const ADJOUA: Person = { name: "Adjoua N'Guessan", email: 'adjoua.n@example.com', phone: '+22971510758' };
const SEVERINE: Person = { name: 'Séverine Kpodo', email: null, phone: '+33612345678' };
const WANG: Person = { name: '王小明', email: null, phone: null };

describe('coverPersons', () => {
  it.each([
    ['Payer 22971510758 not found', 'Payer **** not found'],
    ['Payer +229 71 51 07 58 not found', 'Payer **** not found'],
    ['No wallet for 71-51-07-58.', 'No wallet for ****.'],
    ['wallet 0022971510758 closed', 'wallet **** closed'],
    ['wallet 0171510758 closed', 'wallet **** closed'],
    ['wallet (229) 71510758, 500 XOF', 'wallet (****, 500 XOF'],
    ['wallet ２２９７１５１０７５８ closed', 'wallet **** closed'],
    ['id510758', 'id****'],
    ["ADJOUA N'GUESSAN has no balance", '**** has no balance'],
    ['NGuessan Adjoua: blocked', '****: blocked'],
    ['Adjoua’s balance is too low', '****’s balance is too low'],
    ['Adj\u200boua', '****'],
    ['mail Adjoua.N@EXAMPLE.com bounced', 'mail **** bounced'],
    ['ask other@example.org', 'ask ****'],
  ])('covers the customer in %j', (text, covered) => {
    expect(coverPersons(text, [ADJOUA])).toBe(covered);
  });

  it.each([
    ['SEVERINE KPODO refused', SEVERINE, '**** refused'],
    ['Se\u0301ve\u0301rine refused', SEVERINE, '**** refused'],
    ['0612345678 refused', SEVERINE, '**** refused'],
    ['付款人王小明不存在', WANG, '付款人****不存在'],
    ['Li Wu is not known', { name: 'Wu Li', email: null, phone: null }, '**** is not known'],
    ['compte de Awa de Souza fermé', { name: 'Awa de Souza', email: null, phone: null }, 'compte **** fermé'],
  ])('covers %j', (text, person, covered) => {
    expect(coverPersons(text, [null, person])).toBe(covered);
  });

  it.each([
    ['Payer 22971510758 not found', 'Payer **** not found'],
    ['MSISDN: 677123456 inactive', 'MSISDN: **** inactive'],
    ['call +237 6 77 12 34 56', 'call ****'],
    ['wallet of awa@example.com', 'wallet of ****'],
  ])('covers who is not known in %j', (text, covered) => {
    expect(coverPersons(text, [])).toBe(covered);
  });

  it.each([
    'Balance too low',
    'insufficient_funds',
    'Limit of 2,500,000 XOF reached: 2 500 000 / 3 000 000',
    'INV-2026-1021 was paid on 2026-11-02 14:25:52',
    'Provider reference 3E0707AAF6, trace 20261102142552',
    'Order 97151075 of the day',
    'N and a: de la',
  ])('leaves %j', (text) => {
    expect(coverPersons(text, [ADJOUA, SEVERINE, { name: 'de la N', email: '', phone: '12' }])).toBe(text);
  });

  it('leaves no word of a name and no form of a number, wherever they stand', () => {
    const word = fc
      .array(fc.constantFrom(...'aeéklïmnoQRstÜ'), { minLength: 4, maxLength: 9 })
      .map((all) => all.join(''));
    const phone = fc.integer({ min: 20_000_000, max: 99_999_999 }).map(String);
    fc.assert(
      fc.property(word, word, phone, fc.constantFrom(' ', '-', '.', '  '), (first, last, number, sign) => {
        const pairs = number.match(/../g)!.join(sign);
        const person = { name: `${first} ${last}`, email: null, phone: `+229${number}` };
        const text = `1: ${last.toUpperCase()} ${first.normalize('NFD')}, ${pairs}; (${number}) +229${sign}${pairs}: 2`;
        expect(coverPersons(text, [person])).toMatch(/^1: \*{4}, \*{4}; \(\*{4}(?:\) \*{4})?: 2$/);
      }),
      { numRuns: 300 },
    );
  });

  it('changes nothing any more the second time', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string(),
        fc.integer({ min: 0 }).map(String),
        (text, name, phone) => {
          const once = coverPersons(text, [{ name, email: null, phone }]);
          expect(coverPersons(once, [])).toBe(once);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes time in proportion to the length', () => {
    const startedUs = process.cpuUsage().user;
    for (const part of ['1 ', 'a@', '+1', 'payer ', 'adjoua ', 'aa', '1']) coverPersons(part.repeat(4_000), [ADJOUA]);
    expect((process.cpuUsage().user - startedUs) / 1_000).toBeLessThan(2_000);
  });
});
