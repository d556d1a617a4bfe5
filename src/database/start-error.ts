/** Why the process cannot start: one line for its operator that says what to do. It is shown without a stack. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartError';
  }
}
