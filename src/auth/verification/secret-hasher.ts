import { Injectable } from '@nestjs/common';
import argon2 from 'argon2';
import { AppError } from '../../common/app-error.js';

/** About 30 ms of CPU each (OWASP's smallest argon2id setting), in libuv's pool of four threads. */
const ARGON2ID = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Two of libuv's four threads at most: files and other work share them. */
const CONCURRENCY = 2;
const LONGEST_QUEUE = 100;

/** argon2id with bounded concurrency. @throws AppError `unavailable` when the queue is full: a refusal, not a stall. */
@Injectable()
export class SecretHasher {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  hash(key: string): Promise<string> {
    return this.inTurn(() => argon2.hash(key, ARGON2ID));
  }

  verify(hash: string, key: string): Promise<boolean> {
    return this.inTurn(() => argon2.verify(hash, key));
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= CONCURRENCY) {
      if (this.waiting.length >= LONGEST_QUEUE) {
        throw new AppError('unavailable', 'Too many keys are being verified for the first time; try again.', {
          headers: { 'retry-after': '1' },
        });
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      // The place is handed to the next in the queue, so `running` falls only when nobody waits.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}
