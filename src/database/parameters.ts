/** The values of a statement that is put together from fixed fragments: each value gets its placeholder when added. */
export class Parameters {
  readonly values: unknown[] = [];

  /** The placeholder that stands for `value`, such as `$3`. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
