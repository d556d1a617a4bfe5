import { toList } from './pagination.js';

describe('toList', () => {
  const toResponse = (row: number): string => `#${row}`;

  it('tells by the row past the limit that there is more', () => {
    expect(toList([3, 2, 1], 2, toResponse)).toEqual({ object: 'list', data: ['#3', '#2'], has_more: true });
    expect(toList([3, 2], 2, toResponse)).toEqual({ object: 'list', data: ['#3', '#2'], has_more: false });
    expect(toList([], 2, toResponse)).toEqual({ object: 'list', data: [], has_more: false });
  });

  it('gives rows that were read oldest first newest first, without the one furthest from the cursor', () => {
    expect(toList([4, 5, 6], 2, toResponse, true)).toEqual({ object: 'list', data: ['#5', '#4'], has_more: true });
  });
});
