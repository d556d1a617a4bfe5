interface Entry<V> {
  readonly accountId: string;
  readonly value: V;
  readonly goodUntilMs: number;
}

/**
 * A bounded cache in this process whose entries belong to accounts and end together when their account changes.
 * The oldest entry goes first when it is full, so that no flood of new ones can grow it.
 */
export class AccountBoundCache<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private readonly keysByAccount = new Map<string, Set<string>>();
  private changes = 0;

  constructor(private readonly maximumEntries: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** Rises with every drop: what was read before it may be older than the change, and must not be kept. */
  get generation(): number {
    return this.changes;
  }

  get(key: string, nowMs: number): V | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    if (entry.goodUntilMs > nowMs) return entry.value;
    this.remove(key, entry);
    return undefined;
  }

  /** Keeps `value` until `goodUntilMs`, unless something was dropped since `generation` was read. */
  set(key: string, accountId: string, value: V, goodUntilMs: number, generation: number): void {
    if (generation !== this.changes) return;
    const previous = this.entries.get(key);
    if (previous) this.remove(key, previous);
    else if (this.entries.size >= this.maximumEntries) this.removeOldest();
    this.entries.set(key, { accountId, value, goodUntilMs });
    const keys = this.keysByAccount.get(accountId);
    if (keys) keys.add(key);
    else this.keysByAccount.set(accountId, new Set([key]));
  }

  dropAccount(accountId: string): void {
    this.changes += 1;
    for (const key of this.keysByAccount.get(accountId) ?? []) this.entries.delete(key);
    this.keysByAccount.delete(accountId);
  }

  dropAll(): void {
    this.changes += 1;
    this.entries.clear();
    this.keysByAccount.clear();
  }

  private removeOldest(): void {
    for (const [key, entry] of this.entries) return this.remove(key, entry);
  }

  private remove(key: string, entry: Entry<V>): void {
    this.entries.delete(key);
    const keys = this.keysByAccount.get(entry.accountId);
    keys?.delete(key);
    if (keys?.size === 0) this.keysByAccount.delete(entry.accountId);
  }
}
