import { Injectable, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';

/** Resolves when what it stands for answers. */
export type ReadinessCheck = () => Promise<unknown>;

const CHECK_TIMEOUT_MS = 1_000;

/** Whether this process wants requests: after its start, before its end, and while what it needs answers within 1 s. */
@Injectable()
export class Readiness implements OnModuleDestroy, BeforeApplicationShutdown {
  private state: 'starting' | 'ready' | 'stopping' = 'starting';
  private readonly checks = new Map<string, ReadinessCheck>();

  /** To be asked on every look; modules add what they own. */
  addCheck(name: string, check: ReadinessCheck): void {
    this.checks.set(name, check);
  }

  markReady(): void {
    if (this.state === 'starting') this.state = 'ready';
  }

  markStopping(): void {
    this.state = 'stopping';
  }

  onModuleDestroy(): void {
    this.markStopping();
  }

  beforeApplicationShutdown(): void {
    this.markStopping();
  }

  /** Why requests should go elsewhere, in one sentence; null when the process is ready. */
  async reasonNotReady(): Promise<string | null> {
    if (this.state !== 'ready') return `The process is ${this.state}.`;
    const failed = await Promise.all(
      [...this.checks].map(async ([name, check]) => ((await answers(check)) ? null : name)),
    );
    const names = failed.filter((name) => name !== null);
    return names.length === 0 ? null : `No answer within ${CHECK_TIMEOUT_MS} ms from: ${names.join(', ')}.`;
  }
}

async function answers(check: ReadinessCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([
      Promise.resolve()
        .then(check)
        .then(
          () => true,
          () => false,
        ),
      timeout,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
