import type { PublishedEvent } from './publishing.js';

/** Sequences from 1 without gap or repeat, in the order of the ids. */
export function expectGapFree(told: readonly PublishedEvent[]): void {
  expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, n) => n + 1));
  const ids = told.map(({ id }) => id);
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(ids.length);
}

/** Every operation has each of its versions once, in the order of the sequence. */
export function expectVersionsOnce(told: readonly PublishedEvent[]): void {
  for (const versions of versionsByOperation(told).values()) expect(versions).toEqual(versions.map((_, n) => n + 1));
}

export function versionsByOperation(told: readonly PublishedEvent[]): Map<string, number[]> {
  const versions = new Map<string, number[]>();
  for (const { operation } of told) {
    versions.set(operation!.id, [...(versions.get(operation!.id) ?? []), operation!.version]);
  }
  return versions;
}
