import { Injectable } from '@nestjs/common';
import { type LogPageRead, type LogRead, LogStreamRepository } from './log-stream.repository.js';

/** However many streams come back at once, publishing and reading keep most of the pool. */
const READS_AT_ONCE = 3;

/** Pages of the past, for streams that have not caught up yet: a few at a time in this process, in turn. */
@Injectable()
export class LogPages {
  private free = READS_AT_ONCE;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly repository: LogStreamRepository) {}

  async read(read: LogRead): Promise<LogPageRead> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      const [page] = await this.repository.read([read]);
      return page!;
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}
