interface TimedItem<T> {
  readonly atMs: number;
  readonly item: T;
}

/**
 * Things with a time, the earliest first; a binary heap. Nothing can be taken out early: owners ignore what is stale.
 */
export class TimeHeap<T> {
  private readonly items: TimedItem<T>[] = [];

  /** The earliest time; null: empty. */
  get nextMs(): number | null {
    return this.items[0]?.atMs ?? null;
  }

  push(atMs: number, item: T): void {
    const { items } = this;
    let index = items.push({ atMs, item }) - 1;
    for (let parent; index > 0 && items[(parent = (index - 1) >> 1)]!.atMs > atMs; index = parent) {
      this.swap(index, parent);
    }
  }

  /** Takes the earliest out if its time has come. */
  popDue(nowMs: number): TimedItem<T> | null {
    const { items } = this;
    const first = items[0];
    if (first === undefined || first.atMs > nowMs) return null;
    const last = items.pop()!;
    if (items.length > 0) {
      items[0] = last;
      this.sink();
    }
    return first;
  }

  private sink(): void {
    const { items } = this;
    for (let index = 0; ;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < items.length && items[child]!.atMs < items[least]!.atMs) least = child;
      }
      if (least === index) return;
      this.swap(index, least);
      index = least;
    }
  }

  private swap(a: number, b: number): void {
    const { items } = this;
    [items[a], items[b]] = [items[b]!, items[a]!];
  }
}
