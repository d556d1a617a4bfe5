import { stringCheck, textCheck } from './value-checks.js';

describe('text for people', () => {
  const limits = { minLength: 1, maxLength: 20 };
  const codeOf = (lines: 'one' | 'many', value: unknown) => textCheck({ ...limits, lines })(value)?.code ?? 'taken';

  it.each([
    ['words', 'Nightly export', 'taken', 'taken'],
    ['what other scripts write', 'ড়াক · 夜間 · ليلي', 'taken', 'taken'],
    ['characters that are joined', '👩‍👩‍👧', 'taken', 'taken'],
    ['a name that a non-joiner parts', 'می\u200cخواهم', 'taken', 'taken'],
    ['a letter that this Unicode does not know yet', '\u{2FE0}', 'taken', 'taken'],
    ['a character of private use', '\ue000', 'taken', 'taken'],
    ['spaces', '   ', 'blank', 'blank'],
    ['other spaces', '\u00a0\u2003\u3000', 'blank', 'blank'],
    ['what is not seen', '\u200b\u2060\ufeff', 'blank', 'blank'],
    ['two lines', 'a\nb', 'invalid_character', 'taken'],
    ['two lines as Windows parts them', 'a\r\nb', 'invalid_character', 'taken'],
    ['a separator of lines', 'a\u2028b', 'invalid_character', 'taken'],
    ['a tab', 'a\tb', 'invalid_character', 'taken'],
    ['line feeds alone', '\n\n', 'invalid_character', 'blank'],
    ['an escape of terminals', '\u001b[31mred', 'invalid_character', 'invalid_character'],
    ['a control of the second set', 'a\u0085b', 'invalid_character', 'invalid_character'],
    ['U+0000', 'a\0', 'invalid_character', 'invalid_character'],
    ['what turns the order round', 'invoice\u202efdp.exe', 'invalid_character', 'invalid_character'],
    ['what sets an order apart', 'a\u2066b\u2069', 'invalid_character', 'invalid_character'],
    ['nothing', '', 'too_short', 'too_short'],
    ['too much', 'x'.repeat(21), 'too_long', 'too_long'],
    ['a number', 7, 'wrong_type', 'wrong_type'],
  ])('of one line, and of many: %s', (_what, value, one, many) => {
    expect([codeOf('one', value), codeOf('many', value)]).toEqual([one, many]);
  });

  it('may be empty where it need not be there', () => {
    expect(textCheck({ minLength: 0, maxLength: 20, lines: 'many' })('')).toBeNull();
  });
});

describe('a name that is shown and asked for by', () => {
  const check = stringCheck({ minLength: 1, maxLength: 100, withoutSecrets: true });

  it.each(['collect.reminder_sent', 'note.2026-11-02', 'pk_test', '4111111111111112'])('may be %s', (name) => {
    expect(check(name)).toBeNull();
  });

  it.each(['4111111111111111', 'note:4111-1111-1111-1111', `sk_live_${'a1'.repeat(24)}`])('is not %s', (name) => {
    expect(check(name)).toMatchObject({ code: 'holds_secret' });
  });
});
