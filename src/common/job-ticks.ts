/**
 * A job's ticks, one at a time: one that comes while the last is still at work does nothing; one that fails is told,
 * and the next tries again.
 */
export class JobTicks {
  private isRunning = false;

  constructor(private readonly onError: (error: Error) => void) {}

  async run(work: () => Promise<unknown>): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      await work();
    } catch (error) {
      this.onError(error as Error);
    } finally {
      this.isRunning = false;
    }
  }
}
