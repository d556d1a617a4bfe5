/**
 * The JSON of a list whose items are JSON already, put in byte for byte: parsing and writing them again could change
 * what was signed. From up to `limit` + 1 items; `reversed`: they were read against the list's order.
 */
export function rawList(items: readonly string[], limit: number, reversed: boolean): string {
  const data = items.slice(0, limit);
  if (reversed) data.reverse();
  return `{"object":"list","data":[${data.join(',')}],"has_more":${items.length > limit}}`;
}
