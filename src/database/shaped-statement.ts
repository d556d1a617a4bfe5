import type { Statement } from './database.js';

/**
 * A statement of a list that is put together from fixed fragments, with its values known by name. There are few shapes,
 * each prepared once a connection, because a filter that is not used is a null value and not another text.
 */
export class ShapedStatement<Name extends string> {
  private constructor(
    readonly statement: Statement,
    private readonly names: readonly Name[],
  ) {}

  /** `build` gets the placeholder of each value from its argument, such as `$3`. */
  static of<Name extends string>(
    name: string,
    build: (placeholder: (value: Name) => string) => string,
  ): ShapedStatement<Name> {
    const names: Name[] = [];
    const text = build((value) => {
      if (!names.includes(value)) names.push(value);
      return `$${names.indexOf(value) + 1}`;
    });
    return new ShapedStatement({ name, text }, names);
  }

  valuesOf(values: Readonly<Record<Name, unknown>>): unknown[] {
    return this.names.map((name) => values[name]);
  }
}

/** Shapes by their names, each put together when it is first asked for. */
export class StatementShapes<Name extends string> {
  private readonly made = new Map<string, ShapedStatement<Name>>();

  get(name: string, build: (placeholder: (value: Name) => string) => string): ShapedStatement<Name> {
    let shape = this.made.get(name);
    if (shape === undefined) this.made.set(name, (shape = ShapedStatement.of(name, build)));
    return shape;
  }
}
