import type { Socket } from 'node:net';
import pg from 'pg';

const LOOK_MS = 500;
/** On top of the statement timeout, within which the server answers whatever happens. */
const GRACE_MS = 3_000;

/**
 * A connection that gives up on a server which stays silent past the time by which it must have answered. Of one that
 * vanished without a word (a network that drops packets, a machine that lost power) the system tells nothing for a
 * quarter of an hour; whoever waited for it, and every job that runs once at a time, would stand still so long.
 *
 * Its loss is no unhandled error, also while a repository holds it: its next query fails instead.
 */
export class WatchedClient extends pg.Client {
  /** For statements that no timeout bounds, such as a migration's. */
  mayBeSilent = false;
  private readonly longestSilenceMs: number;

  constructor(options: pg.ClientConfig) {
    super(options);
    this.on('error', () => undefined);
    this.longestSilenceMs = (options.statement_timeout || Infinity) + GRACE_MS;
    // The driver has no public name for it.
    const { connection } = this as unknown as { connection: pg.Connection };
    connection.once('readyForQuery', () => this.watch(connection));
  }

  private watch(connection: pg.Connection): void {
    const socket = connection.stream as Socket;
    let answeredTo = socket.bytesWritten;
    let heard = socket.bytesRead;
    let silentSinceMs = performance.now();
    let lookedAtMs = silentSinceMs;
    // Ahead of the driver, which sends the next statement in the same turn.
    connection.prependListener('readyForQuery', () => (answeredTo = socket.bytesWritten));
    const timer = setInterval(() => {
      const nowMs = performance.now();
      // This process itself stood still, and timers run before sockets are read: the answer may lie there.
      const stoodStill = nowMs - lookedAtMs > 2 * LOOK_MS;
      lookedAtMs = nowMs;
      const isAnswered = socket.bytesWritten === answeredTo;
      if (stoodStill || isAnswered || socket.bytesRead !== heard || this.mayBeSilent) {
        heard = socket.bytesRead;
        silentSinceMs = nowMs;
      } else if (nowMs - silentSinceMs > this.longestSilenceMs) {
        socket.destroy(new Error('PostgreSQL did not answer: the connection is given up.'));
      }
    }, LOOK_MS);
    timer.unref();
    this.once('end', () => clearInterval(timer));
  }
}
