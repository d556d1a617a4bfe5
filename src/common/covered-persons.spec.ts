import fc from 'fast-check';
import { coverKnownPersons, coverPersons, type Person } from './covered-persons.js';

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
    ['call +22971510758, then +237 677 123 456', 'call ****, then ****'],
    ['paid by +229 71 51 07 58 500 XOF', 'paid by **** 500 XOF'],
    ['+22971510758 12 500 XOF', '**** 12 500 XOF'],
    ['Payer number 229 71 51 07 58: no wallet', 'Payer number ****: no wallet'],
    ['téléphone 97 15 10 75, GSM 677123456', 'téléphone ****, GSM ****'],
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
    'Refused by MTN Mobile Money 2026-11-02T21:25',
    'Mobile Money id 4821990311',
    'reste à payer 12 500 000 XOF',
    'reste à payer 22961234567 XOF',
    'payer 22 500 000 000',
    'payee id 22961234567, sender 20261102142552',
    'solde +12 500 000',
    'solde +12500000',
    'solde +2297151075 FCFA',
    'by phone 2026-11-02 14:25:52, 12 500 000 XOF',
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

  it('covers for good nobody but the persons, neither by a word before nor by a plus sign', () => {
    const others = 'Payer 33612345678, tel. 677123456, +33612345678, other@example.org';
    expect(coverKnownPersons(`${others}: Adjoua, 71 51 07 58, ADJOUA.N@example.com`, [ADJOUA])).toBe(
      `${others}: ****, ****, ****`,
    );
  });

  it.each([
    [
      'numbers of a name, which tell it only all together',
      (size: number) => numbered(size, (index) => String(index + 1e5)),
    ],
    ['a name of other letters', (size: number) => numbered(size, (index) => `я${index}`)],
    ['signs of contacts', (size: number) => 'a@ +1 payer 1 adjoua aa.'.repeat(size)],
  ])('takes time in proportion to the length, where name and text grow together: %s', (_what, textOf) => {
    const timesUs = [1, 4].map((factor) => {
      const text = textOf(6_000 * factor);
      const person = { name: `${text} z`, email: text, phone: text };
      const runs = Array.from({ length: 5 }, () => {
        const startedUs = process.cpuUsage().user;
        coverPersons(text, [person]);
        return process.cpuUsage().user - startedUs;
      });
      return runs.sort((one, other) => one - other)[2]!;
    });
    expect(timesUs[1]! / Math.max(timesUs[0]!, 10_000)).toBeLessThan(8);
  });
});

function numbered(size: number, word: (index: number) => string): string {
  return Array.from({ length: size }, (_none, index) => word(index)).join(' ');
}
