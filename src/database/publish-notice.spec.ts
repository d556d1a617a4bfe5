import { PROCESS_TAG } from './process-tag.js';
import { isOwnNotice, tenantKeysIn, writePublishNotice } from './publish-notice.js';

const keys = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `0192f0c4-7f3a-7c10-9b1e-${String(n).padStart(12, '0')} live`);

describe('a notice of a publish', () => {
  it.each([1, 2, 100])('names %d tenants, in the 8,000 bytes that PostgreSQL takes', (count) => {
    const notice = writePublishNotice(keys(count));
    expect(tenantKeysIn(notice)).toEqual(keys(count));
    expect(Buffer.byteLength(notice)).toBeLessThan(8_000);
  });

  it('names none when they are too many, which stands for all', () => {
    const notice = writePublishNotice(keys(101));
    expect([notice, tenantKeysIn(notice)]).toEqual([`${PROCESS_TAG};`, null]);
  });

  it('is known as its own by the process that wrote it, and by no other', () => {
    expect(isOwnNotice(writePublishNotice(keys(1)))).toBe(true);
    expect(isOwnNotice(`other;${keys(1)[0]}`)).toBe(false);
  });

  it.each([
    ['', null],
    [';', null],
    ['nonsense', ['nonsense']],
    ['a;b;c,', ['b;c', '']],
  ])('of another form, %j, is of another process and names what follows its first semicolon', (notice, named) => {
    expect([isOwnNotice(notice), tenantKeysIn(notice)]).toEqual([false, named]);
  });
});
