import { type IncomingMessage, request } from 'node:http';

/** A message with data. */
export interface SseMessage {
  readonly event: string;
  /** The last id that was told, as a browser keeps it. */
  readonly id: string;
  readonly data: string;
}

/** A reader of server-sent events on a socket of its own, which waits for messages instead of time. */
export class SseReader {
  readonly messages: SseMessage[] = [];
  readonly comments: string[] = [];
  retry: string | null = null;
  lastId = '';
  isClosed = false;
  private text = '';
  private watchers: (() => void)[] = [];

  private constructor(
    readonly response: IncomingMessage,
    private readonly close: () => void,
  ) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.read(chunk));
    response.on('error', () => undefined);
    response.on('close', () => {
      this.isClosed = true;
      this.tell();
    });
  }

  /** Resolves when the headers have come. */
  static open(origin: string, path: string, key: string, headers: Record<string, string> = {}): Promise<SseReader> {
    return new Promise((resolve, reject) => {
      const call = request(origin + path, { agent: false, headers: { authorization: `Bearer ${key}`, ...headers } });
      call.on('error', reject);
      call.on('response', (response) => resolve(new SseReader(response, () => call.destroy())));
      call.end();
    });
  }

  get status(): number {
    return this.response.statusCode!;
  }

  /** The objects of the data messages. */
  get events(): { id: string; sequence: number; [field: string]: unknown }[] {
    return this.messages.filter(({ event }) => event === 'message').map(({ data }) => JSON.parse(data));
  }

  get sequences(): number[] {
    return this.messages.filter(({ event }) => event === 'message').map(({ id }) => Number(id));
  }

  /** What the service said when it ended the stream. */
  get ending(): { code: string; message: string } | null {
    const last = this.messages.at(-1);
    return last?.event === 'end' ? JSON.parse(last.data) : null;
  }

  /** Resolves as soon as `isTrue`; rejects when the stream closes first. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.isClosed) throw new Error(`The stream closed after ${this.messages.length} messages.`);
      await new Promise<void>((resolve) => this.watchers.push(resolve));
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  /** Stops taking anything from the socket. */
  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  leave(): void {
    this.close();
  }

  private read(chunk: string): void {
    this.text += chunk;
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop()!;
    for (const block of blocks) this.readBlock(block);
    this.tell();
  }

  /** As the HTML standard says: an id counts without data too, but only data makes a message. */
  private readBlock(block: string): void {
    const data: string[] = [];
    let event = 'message';
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const value = line.slice(colon + 1).replace(/^ /, '');
      const field = line.slice(0, colon);
      if (field === '') this.comments.push(value);
      if (field === 'retry') this.retry = value;
      if (field === 'id') this.lastId = value;
      if (field === 'event') event = value;
      if (field === 'data') data.push(value);
    }
    if (data.length > 0) this.messages.push({ event, id: this.lastId, data: data.join('\n') });
  }

  private tell(): void {
    this.watchers.splice(0).forEach((resolve) => resolve());
  }
}
