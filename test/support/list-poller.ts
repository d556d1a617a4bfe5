import type { Service } from './service.js';

/** Takes what a reader that polls with `ending_before` sees, in the order in which it sees it, until told to stop. */
export class ListPoller {
  readonly seen: string[] = [];
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(
    private readonly service: Service,
    private readonly key: string,
    first: string,
  ) {
    this.seen.push(first);
    this.done = this.run();
    // Told by `stop`; a test that failed before must not fail a second time.
    this.done.catch(() => undefined);
  }

  /** Resolves after one more read that began now. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
    while (await this.poll());
  }

  private async run(): Promise<void> {
    while (!this.stopped) await this.poll();
  }

  private async poll(): Promise<boolean> {
    const query = { ending_before: this.seen.at(-1)!, limit: 100 };
    const { body } = await this.service.call('get', '/v1/events', { key: this.key, query }).expect(200);
    const { data } = body as { data: { id: string }[] };
    this.seen.push(...data.map(({ id }) => id).reverse());
    return data.length > 0;
  }
}
