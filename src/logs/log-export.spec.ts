import { toCsv } from './log-export.js';

/** One record. */
const csvLine = (cells: readonly (string | null)[]) => toCsv([cells]);

describe('a CSV line', () => {
  it('parts cells by commas, ends with CR LF, and leaves null empty', () => {
    expect(csvLine(['a', null, '', 'd'])).toBe('a,,,d\r\n');
    expect(csvLine([null, 'b'])).toBe(',b\r\n');
  });

  it.each([
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['"', '""""'],
    ['two\nlines', '"two\nlines"'],
    ['two\rlines', '"two\rlines"'],
    ['  spaces stay ', '  spaces stay '],
    ['échoué 日本', 'échoué 日本'],
  ])('quotes %j only where it must', (cell, expected) => {
    expect(csvLine([cell])).toBe(`${expected}\r\n`);
  });

  it.each([...'=+-@\t＝＋－＠'])('puts an apostrophe before a cell that begins with %j', (sign) => {
    expect(csvLine([`${sign}1`])).toBe(`'${sign}1\r\n`);
  });

  it('does both where both are needed', () => {
    expect(csvLine(['=HYPERLINK("x","y")', '\r1'])).toBe('"\'=HYPERLINK(""x"",""y"")","\'\r1"\r\n');
    expect(csvLine(['\n=1+1'])).toBe('"\'\n=1+1"\r\n');
  });

  it('leaves such a sign within a cell as it is', () => {
    expect(csvLine(['a=1', 'INV-1', '2-1'])).toBe('a=1,INV-1,2-1\r\n');
  });
});
