/** The places of the keys, from 1, in the order of the keys: in what order a function locks the rows of an array. */
export function placesInOrder(keys: readonly string[]): number[] {
  return [...keys.keys()].sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1)).map((index) => index + 1);
}
