import type { LaneQueueRepository } from '../deliveries/lane-queue.repository.js';
import type { SettleEffect, Settlement } from '../deliveries/settle-arguments.js';
import { LeaseLostError, Settler } from './settler.js';

interface Call {
  readonly finished: readonly number[];
  readonly names: readonly string[];
  readonly answer: (effects: SettleEffect[] | null | Error) => void;
}

/** Keeps each settle until the test answers it. */
class HeldQueue {
  readonly calls: Call[] = [];
  private tell: () => void = () => undefined;

  settle(
    _token: string,
    finished: readonly number[],
    settlements: readonly Settlement[],
  ): Promise<SettleEffect[] | null> {
    return new Promise((resolve, reject) => {
      const answer = (effects: SettleEffect[] | null | Error) =>
        effects instanceof Error ? reject(effects) : resolve(effects);
      this.calls.push({ finished, names: settlements.map(({ deliveryId }) => deliveryId), answer });
      this.tell();
    });
  }

  /** The `count`-th call, once it is made. */
  async call(count: number): Promise<Call> {
    while (this.calls.length < count) await new Promise<void>((resolve) => (this.tell = resolve));
    return this.calls[count - 1]!;
  }
}

describe('Settler', () => {
  let queue: HeldQueue;
  let settler: Settler;
  let passTime: () => void;
  beforeEach(() => {
    passTime = () => undefined;
    queue = new HeldQueue();
    settler = new Settler(queue as unknown as LaneQueueRepository, 'token', (_delayMs, work) => {
      passTime = work;
      return () => undefined;
    });
  });
  const settle = (batch: number, deliveryId: string) =>
    settler.settle(batch, { deliveryId } as unknown as Settlement).catch((error: Error) => error);

  it('settles together what ends in one turn, and then what came while that was under way', async () => {
    settler.openBatch(1, 6);
    void settle(1, 'a');
    void settle(1, 'b');
    const first = await queue.call(1);
    void settle(1, 'c');
    await new Promise(setImmediate);
    void settle(1, 'd');
    await new Promise(setImmediate);
    expect(queue.calls).toHaveLength(1);
    first.answer(['settled', 'settled']);
    await queue.call(2);
    expect(queue.calls.map(({ names }) => names)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('goes on beside a settle that takes long', async () => {
    settler.openBatch(1, 2);
    void settle(1, 'a');
    await queue.call(1);
    void settle(1, 'b');
    await new Promise(setImmediate);
    expect(queue.calls).toHaveLength(1);
    passTime();
    expect((await queue.call(2)).names).toEqual(['b']);
  });

  it('tells each what became of it', async () => {
    settler.openBatch(1, 2);
    const results = [settle(1, 'a'), settle(1, 'b')];
    (await queue.call(1)).answer(['recorded', 'settled']);
    expect(await Promise.all(results)).toEqual(['recorded', 'settled']);
  });

  it('ends a batch with the last of its deliveries, sent or released', async () => {
    settler.openBatch(1, 2);
    settler.openBatch(2, 1);
    void settle(1, 'a');
    const first = await queue.call(1);
    expect(first.finished).toEqual([]);
    first.answer(['settled']);
    settler.release(1);
    void settle(2, 'b');
    expect((await queue.call(2)).finished).toEqual([1, 2]);
  });

  it('clears a batch of which nothing was sent, without waiting for a settle', async () => {
    settler.openBatch(1, 1);
    settler.release(1);
    expect(await queue.call(1)).toMatchObject({ finished: [1], names: [] });
  });

  it('keeps a batch open whose settle failed, and forgets none that had ended before', async () => {
    settler.openBatch(1, 1);
    settler.openBatch(2, 1);
    settler.release(1);
    const failed = settle(2, 'a');
    const first = await queue.call(1);
    expect(first).toMatchObject({ finished: [1, 2], names: ['a'] });
    first.answer(new Error('connection lost'));
    expect(await failed).toEqual(new Error('connection lost'));
    settler.openBatch(3, 1);
    void settle(3, 'b');
    const second = await queue.call(2);
    expect([...second.finished].sort()).toEqual([1, 3]);
    second.answer(['settled']);
    void settle(2, 'a');
    expect((await queue.call(3)).finished).toEqual([2]);
  });

  it('keeps a batch while one of two settles that share it is under way, for that one may fail yet', async () => {
    settler.openBatch(1, 2);
    const failed = settle(1, 'a');
    const first = await queue.call(1);
    void settle(1, 'b');
    await new Promise(setImmediate);
    passTime();
    const second = await queue.call(2);
    expect([first.finished, second.finished]).toEqual([[], []]);
    second.answer(['settled']);
    first.answer(new Error('connection lost'));
    await failed;
    void settle(1, 'a');
    expect(await queue.call(3)).toMatchObject({ finished: [1], names: ['a'] });
  });

  it('ends a batch that two settles at a time shared once both went through', async () => {
    settler.openBatch(1, 2);
    void settle(1, 'a');
    const first = await queue.call(1);
    void settle(1, 'b');
    await new Promise(setImmediate);
    passTime();
    (await queue.call(2)).answer(['settled']);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(queue.calls).toHaveLength(2);
    first.answer(['settled']);
    expect(await queue.call(3)).toMatchObject({ finished: [1], names: [] });
  });

  it('clears the batch of a lost claim at once, and with every settle after that, for it may still come', async () => {
    settler.forget(1);
    const first = await queue.call(1);
    expect(first).toMatchObject({ finished: [1], names: [] });
    first.answer([]);
    settler.openBatch(2, 2);
    void settle(2, 'a');
    (await queue.call(2)).answer(['settled']);
    void settle(2, 'b');
    await queue.call(3);
    expect(queue.calls.map(({ finished }) => finished)).toEqual([[1], [1], [1, 2]]);
  });

  it.each([
    ['waits a moment before it clears a batch again that could not be cleared', new Error('connection lost'), 2],
    ['clears no batch without the lease, with which they are gone', null, 1],
  ])('%s', async (_name, answer, calls) => {
    settler.openBatch(1, 1);
    settler.release(1);
    (await queue.call(1)).answer(answer);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(queue.calls).toHaveLength(1);
    passTime();
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(queue.calls).toHaveLength(calls);
  });

  it('says that the lease is lost', async () => {
    settler.openBatch(1, 1);
    const lost = settle(1, 'a');
    (await queue.call(1)).answer(null);
    expect(await lost).toBeInstanceOf(LeaseLostError);
  });
});
