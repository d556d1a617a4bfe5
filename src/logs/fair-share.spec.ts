import { keepFairShares } from './fair-share.js';
import type { NewLog } from './log-writer.js';

/** Logs of the accounts that the letters name, numbered through. */
function logsOf(accounts: string): NewLog[] {
  return [...accounts].map((accountId, index) => ({
    ...{ accountId, mode: 'live', category: 'api', action: 'request.refused', status: 'failed' },
    description: `${accountId}${index}`,
  }));
}
const keep = (accounts: string, most: number): string =>
  keepFairShares(logsOf(accounts), most)
    .map(({ description }) => description)
    .join(' ');

describe('keepFairShares', () => {
  it('keeps all that there is room for', () => {
    expect(keep('aab', 3)).toBe('a0 a1 b2');
  });

  it('lets one account have all the room, and drops its oldest past that', () => {
    expect(keep('aaaaa', 3)).toBe('a2 a3 a4');
  });

  it('drops nothing of an account below its share, however old, for the flood of another', () => {
    expect(keep('bcaaaaaaab', 6)).toBe('b0 c1 a6 a7 a8 b9');
  });

  it('divides what two floods leave to each other, and what others do not use of their share', () => {
    expect(keep('aaaaaabbbbbbc', 7)).toBe('a3 a4 a5 b9 b10 b11 c12');
  });

  it('drops the oldest where there are more accounts than room', () => {
    expect(keep('abcdef', 4)).toBe('c2 d3 e4 f5');
  });

  it('keeps as many as fit, also where they cannot be divided', () => {
    expect(keep('aaabbbccc', 8)).toBe('a1 a2 b3 b4 b5 c6 c7 c8');
  });
});
