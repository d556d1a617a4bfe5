import { Writable } from 'node:stream';
import { jest } from '@jest/globals';
import { HEARTBEAT_MS, MAX_WAITING_BYTES, MAX_WAITING_FRAMES, SseConnection } from './sse-connection.js';
import { dataFrame } from './sse-frames.js';

/** A reader that takes one chunk at a time, when it is told to. */
class SlowReader extends Writable {
  taken = '';
  private readonly held: (() => void)[] = [];

  constructor(private isReading = true) {
    super({ highWaterMark: 64 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.taken += chunk.toString();
      done();
    };
    if (this.isReading) take();
    else this.held.push(take);
  }

  stopReading(): void {
    this.isReading = false;
  }

  readOn(): void {
    this.isReading = true;
    this.held.splice(0).forEach((take) => take());
  }
}

const BIG = Buffer.alloc(100, 'x');

describe('SseConnection', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const connect = () => {
    const reader = new SlowReader();
    const onCut = jest.fn();
    return { reader, onCut, connection: new SseConnection(reader, onCut) };
  };
  /** Lets a stream's own callbacks run. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await jest.advanceTimersByTimeAsync(0);
  };

  it('begins with the time to reconnect and sends a heartbeat every 15 s, with the position once it moved', () => {
    const { reader, connection } = connect();
    expect(reader.taken).toBe('retry: 2000\n\n');
    let position = '7';
    connection.positionOf = () => position;
    reader.taken = '';
    jest.advanceTimersByTime(2 * HEARTBEAT_MS);
    position = '9';
    jest.advanceTimersByTime(HEARTBEAT_MS);
    expect(reader.taken).toBe(': heartbeat\nid: 7\n\n: heartbeat\n\n: heartbeat\nid: 9\n\n');
    connection.end('bye', 'See you.');
    reader.taken = '';
    jest.advanceTimersByTime(HEARTBEAT_MS);
    expect(reader.taken).toBe('');
  });

  it('keeps what a slow reader has no room for, in order, and says when there is room again', async () => {
    const { reader, connection } = connect();
    await settle();
    reader.stopReading();
    for (let n = 1; n <= 50; n++) connection.send(dataFrame(String(n), `{"n":${n}}`));
    const ready = jest.fn();
    void connection.ready().then(ready);
    await settle();
    expect(ready).not.toHaveBeenCalled();
    reader.readOn();
    await settle();
    expect(ready).toHaveBeenCalled();
    expect(reader.taken.match(/(?<=id: )\d+/g)).toEqual(Array.from({ length: 50 }, (_, n) => String(n + 1)));
    connection.end('bye', 'See you.');
  });

  it.each([
    ['bytes', Buffer.alloc(1024 * 1024), MAX_WAITING_BYTES / 1024 / 1024],
    ['messages', Buffer.alloc(1), MAX_WAITING_FRAMES],
  ])(
    'cuts a reader that is too many %s behind, with the end message after what it was sent',
    async (_of, frame, fit) => {
      const { reader, onCut, connection } = connect();
      await settle();
      reader.stopReading();
      connection.send(BIG);
      for (let n = 0; n < fit; n++) connection.send(frame);
      expect([connection.isOpen, onCut.mock.calls.length]).toEqual([true, 0]);
      connection.send(frame);
      expect([connection.isOpen, onCut.mock.calls.length]).toEqual([false, 1]);
      reader.taken = '';
      reader.readOn();
      await settle();
      expect(reader.taken).toBe(
        `${BIG.toString()}event: end\ndata: {"code":"slow_consumer","message":"Reconnect with Last-Event-ID."}\n\n`,
      );
      expect(reader.writableFinished).toBe(true);
    },
  );

  it('cuts a reader that takes nothing for a minute, and lets the socket go when it does not even take the end', async () => {
    const { reader, onCut, connection } = connect();
    await settle();
    reader.stopReading();
    connection.send(BIG);
    await jest.advanceTimersByTimeAsync(4 * HEARTBEAT_MS);
    expect(onCut).toHaveBeenCalledTimes(1);
    expect(reader.destroyed).toBe(false);
    await jest.advanceTimersByTimeAsync(30_000);
    expect(reader.destroyed).toBe(true);
  });

  it('waits no longer for a reader that was cut when it is told to end soon', async () => {
    const { reader, connection } = connect();
    await settle();
    reader.stopReading();
    connection.send(BIG);
    connection.end('slow_consumer', 'Too slow.');
    connection.end('shutting_down', 'Soon.', 2_000);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(reader.destroyed).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends with the reader: nothing waits for it any longer', async () => {
    const { reader, connection } = connect();
    await settle();
    reader.stopReading();
    connection.send(BIG);
    const ready = connection.ready();
    reader.destroy();
    await settle();
    await ready;
    expect(connection.isOpen).toBe(false);
    connection.send(BIG);
    connection.end('bye', 'See you.');
    expect(jest.getTimerCount()).toBe(0);
  });
});
