import { CommitTurns } from './commit-turns.js';

describe('the turns of group commits', () => {
  let turns: CommitTurns;
  let told: number;
  /** The one timer that is set; null: none. */
  let timer: (() => void) | null;
  beforeEach(() => {
    told = 0;
    timer = null;
    turns = new CommitTurns(
      (_delayMs, work) => {
        timer = work;
        return () => (timer = null);
      },
      () => (told += 1),
    );
  });

  it('begin at once while none is under way, and never without anything to write', () => {
    expect(turns.mayBegin(0)).toBe(false);
    expect(turns.mayBegin(1)).toBe(true);
  });

  it('wait for the one under way while little waits', () => {
    turns.begin();
    expect(turns.mayBegin(99)).toBe(false);
    turns.end();
    expect(turns.mayBegin(1)).toBe(true);
    expect(timer).toBeNull();
  });

  it('come beside it when much waits, up to two', () => {
    turns.begin();
    expect(turns.mayBegin(100)).toBe(true);
    turns.begin();
    expect(turns.mayBegin(10_000)).toBe(false);
    expect(timer).toBeNull();
    turns.end();
    expect(turns.mayBegin(100)).toBe(true);
  });

  it('come beside one that takes long, for whatever waits', () => {
    turns.begin();
    expect(turns.mayBegin(1)).toBe(false);
    timer!();
    expect(told).toBe(1);
    expect(turns.mayBegin(1)).toBe(true);
    turns.begin();
    turns.end();
    // The slow one is still there; the next has to be patient again.
    expect(turns.mayBegin(1)).toBe(false);
    expect(timer).not.toBeNull();
  });
});
