import { has, range, StreamFixture } from './support/stream-fixture.js';

describe('the one tail of a process', () => {
  const stream = StreamFixture.install();

  it('gives 50 streams 500 events each without a gap while its connection for notices is cut', async () => {
    const streams = await Promise.all(
      range(1, 50).map((n) => stream.open({ on: n % 2 ? stream.first : stream.second })),
    );
    for (const part of range(1, 5)) {
      await Promise.all([
        stream.publishMany(`a${part}`, 50),
        stream.publishMany(`b${part}`, 50, stream.second),
        stream.cutListeners(),
      ]);
    }
    for (const reader of streams) {
      await has(reader, 500);
      expect(reader.sequences).toEqual(range(1, 500));
    }
  }, 30_000);
});
