import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const MESSAGE = /^id: (\d+)\ndata: \{"id":"(evt_[0-9a-z]{26})"/;
const HEARTBEAT = /^: heartbeat(?:\nid: (\d+))?$/;

export interface FollowingOptions {
  /** Where to connect now; asked anew for each connection, null: nowhere yet. */
  readonly origin: () => string | null;
  readonly key: string;
  /** Leaves by itself after so many events of a connection, and comes back. */
  readonly leaveEvery?: number;
}

/**
 * A reader of an unfiltered stream from sequence 1 on, which comes back with `Last-Event-ID` whenever its stream ends.
 * It keeps ids, not events, so that hundreds of them may read thousands of events; the first thing that is not as it
 * has to be stays in `fault`.
 */
export class FollowingReader {
  readonly ids: string[] = [];
  connections = 0;
  fault: string | null = null;
  private text = '';
  private left = false;
  private call: ClientRequest | null = null;
  private readonly done: Promise<void>;
  private watchers: (() => void)[] = [];

  constructor(private readonly options: FollowingOptions) {
    this.done = this.follow();
  }

  /** The last sequence it got; it has all before. */
  get sequence(): number {
    return this.ids.length;
  }

  /** Resolves once it has so many events, or met a fault. */
  async reaches(sequence: number): Promise<void> {
    while (this.sequence < sequence && this.fault === null) {
      await new Promise<void>((resolve) => this.watchers.push(resolve));
    }
  }

  async leave(): Promise<void> {
    this.left = true;
    this.call?.destroy();
    await this.done;
  }

  private async follow(): Promise<void> {
    while (!this.left && this.fault === null) {
      const origin = this.options.origin();
      if (origin !== null) await this.connect(origin);
      if (!this.left) await pause(10);
    }
  }

  private connect(origin: string): Promise<void> {
    this.text = '';
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${this.options.key}`, 'last-event-id': String(this.sequence) };
      const call = request(`${origin}/v1/events/stream`, { agent: false, headers });
      this.call = call;
      call.on('error', () => undefined);
      call.on('close', resolve);
      call.on('response', (response) => this.listen(response, call));
      call.end();
    });
  }

  private listen(response: IncomingMessage, call: ClientRequest): void {
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    if (response.statusCode !== 200) {
      // A process that is ending says 503; anything else is an answer that no reader should get.
      if (response.statusCode !== 503) this.fail(`status ${response.statusCode}`);
      response.resume();
      return;
    }
    this.connections += 1;
    const begunAt = this.sequence;
    response.on('data', (chunk: string) => {
      this.read(chunk);
      const { leaveEvery = Infinity } = this.options;
      if (this.fault !== null || this.sequence - begunAt >= leaveEvery) call.destroy();
    });
  }

  private read(chunk: string): void {
    this.text += chunk;
    let from = 0;
    for (let end: number; (end = this.text.indexOf('\n\n', from)) >= 0; from = end + 2) {
      this.readBlock(this.text.slice(from, end));
    }
    this.text = this.text.slice(from);
    this.tell();
  }

  private readBlock(block: string): void {
    const [, sequence, id] = MESSAGE.exec(block) ?? [];
    if (sequence !== undefined) {
      if (Number(sequence) !== this.sequence + 1) this.fail(`${sequence} after ${this.sequence}`);
      else if (!block.includes(`"sequence":${sequence},`)) this.fail(`another event as ${sequence}`);
      else this.ids.push(id!);
      return;
    }
    const heartbeat = HEARTBEAT.exec(block);
    // A position ahead of what was sent would make the reader skip something when it comes back.
    if (heartbeat?.[1] !== undefined && Number(heartbeat[1]) !== this.sequence) this.fail(`told to stand at ${block}`);
    if (heartbeat === null && !/^(retry: |event: end\n)/.test(block)) this.fail(`unknown: ${block.slice(0, 80)}`);
  }

  private fail(fault: string): void {
    this.fault ??= fault;
    this.tell();
  }

  private tell(): void {
    this.watchers.splice(0).forEach((resolve) => resolve());
  }
}
