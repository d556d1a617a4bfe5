/**
 * The fewest beginnings that all numbers from `first` to `last` have and no other of as many digits: from 0195 to 0210,
 * 0195, …, 0199, 020 and 0210.
 */
export function beginningsBetween(first: string, last: string): string[] {
  if (first > last) return [];
  if (/^0*$/.test(first) && /^9*$/.test(last)) return [''];
  const beginnings: string[] = [];
  for (let digit = Number(first[0]); digit <= Number(last[0]); digit++) {
    const from = digit === Number(first[0]) ? first.slice(1) : '0'.repeat(first.length - 1);
    const to = digit === Number(last[0]) ? last.slice(1) : '9'.repeat(last.length - 1);
    beginnings.push(...beginningsBetween(from, to).map((rest) => `${digit}${rest}`));
  }
  return beginnings;
}
