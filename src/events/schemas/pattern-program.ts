/** Characters of a pattern; a longer one is better said by several keywords. */
const MAX_PATTERN_LENGTH = 200;
/** Steps of a pattern with its counted repeats written out, so `[a-z]{1,255}` has room. */
const MAX_STEPS = 512;
/** Parts visited while repeats are written out: also bounds those that have no step, such as `((){999}){999}`. */
const MAX_VISITS = 4_096;

/** What a pattern does not stand for, in a sentence for whoever wrote it. */
export class PatternError extends Error {}

/** One character's place in a pattern: the source of a literal, an escape, a class or a dot. */
type Part =
  | { readonly kind: 'character'; readonly source: string }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Part[] }
  | { readonly kind: 'repeat'; readonly part: Part; readonly min: number; readonly max: number };

/** A step of the program; after `character`, `start` and `end` the next step follows. */
export type Step =
  | { readonly kind: 'character'; readonly atom: number }
  | { readonly kind: 'start' | 'end' | 'match' }
  | { readonly kind: 'fork'; readonly one: number; readonly other: number };

export interface PatternProgram {
  readonly steps: readonly Step[];
  /** The sources of the distinct characters that the steps name. */
  readonly atoms: readonly string[];
}

/**
 * A regular expression of ECMA-262 (flag `u`) as a program without backtracking.
 * @throws PatternError when it is no such expression, is too long, or needs what no linear search can do.
 */
export function compilePattern(pattern: string): PatternProgram {
  if (pattern.length > MAX_PATTERN_LENGTH) throw new PatternError(`Use at most ${MAX_PATTERN_LENGTH} characters.`);
  try {
    new RegExp(pattern, 'u');
  } catch {
    throw new PatternError('This is no regular expression of ECMA-262 with the flag u.');
  }
  return new ProgramWriter().write(new PatternReader(pattern).read());
}

/** Finds the parts of a pattern that is known to be well-formed; what each character means is left to `RegExp`. */
class PatternReader {
  private position = 0;

  constructor(private readonly pattern: string) {}

  read(): Part {
    const options = [this.readSequence()];
    while (this.take('|')) options.push(this.readSequence());
    return options.length === 1 ? options[0]! : { kind: 'choice', parts: options };
  }

  private readSequence(): Part {
    const parts: Part[] = [];
    while (this.position < this.pattern.length && !this.isAt('|') && !this.isAt(')')) parts.push(this.readTerm());
    return { kind: 'sequence', parts };
  }

  private readTerm(): Part {
    if (this.take('^')) return { kind: 'start' };
    if (this.take('$')) return { kind: 'end' };
    return this.readRepeat(this.take('(') ? this.readGroup() : { kind: 'character', source: this.readCharacter() });
  }

  private readGroup(): Part {
    if (this.take('?')) {
      const name = this.match(/<[^=!][^>]*>/y);
      if (name === null && !this.take(':')) {
        throw new PatternError('Leave out look-arounds and flags inside the pattern: (?=, (?!, (?<=, (?<!, (?i:.');
      }
    }
    const part = this.read();
    this.take(')');
    return part;
  }

  private readRepeat(part: Part): Part {
    const quantifier = this.match(/[*+?]|\{\d+(,\d*)?\}/y);
    if (quantifier === null) return part;
    // Greedy or lazy makes no difference to whether something matches.
    this.take('?');
    if (quantifier === '*') return { kind: 'repeat', part, min: 0, max: Infinity };
    if (quantifier === '+') return { kind: 'repeat', part, min: 1, max: Infinity };
    if (quantifier === '?') return { kind: 'repeat', part, min: 0, max: 1 };
    const [min, max] = quantifier.slice(1, -1).split(',');
    return { kind: 'repeat', part, min: Number(min), max: max === undefined ? Number(min) : Number(max || Infinity) };
  }

  private readCharacter(): string {
    if (this.isAt('[')) return this.match(/\[(?:\\.|[^\]\\])*\]/uy)!;
    if (!this.isAt('\\')) return this.match(/./suy)!;
    if (this.match(/\\(?:[1-9]|k)/y) !== null) throw new PatternError('Leave out references to earlier groups.');
    if (this.match(/\\[bB]/y) !== null) throw new PatternError('Leave out word boundaries: \\b, \\B.');
    return this.match(
      /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|u.{4}|x.{2}|c.|[pP]\{[^}]*\}|.)/suy,
    )!;
  }

  private match(expression: RegExp): string | null {
    expression.lastIndex = this.position;
    const found = expression.exec(this.pattern)?.[0] ?? null;
    if (found !== null) this.position += found.length;
    return found;
  }

  private isAt(character: string): boolean {
    return this.pattern[this.position] === character;
  }

  private take(character: string): boolean {
    if (!this.isAt(character)) return false;
    this.position += 1;
    return true;
  }
}

/** Writes repeats out and forks where a pattern may go two ways. */
class ProgramWriter {
  private readonly steps: Step[] = [];
  private readonly atoms = new Map<string, number>();
  private visits = 0;

  write(part: Part): PatternProgram {
    this.add(part);
    this.steps.push({ kind: 'match' });
    return { steps: this.steps, atoms: [...this.atoms.keys()] };
  }

  private add(part: Part): void {
    this.visits += 1;
    if (this.steps.length > MAX_STEPS || this.visits > MAX_VISITS) {
      throw new PatternError(`Repeat less: written out, a pattern may have ${MAX_STEPS} steps.`);
    }
    switch (part.kind) {
      case 'character':
        this.steps.push({ kind: 'character', atom: this.atomOf(part.source) });
        break;
      case 'start':
      case 'end':
        this.steps.push({ kind: part.kind });
        break;
      case 'sequence':
        part.parts.forEach((inner) => this.add(inner));
        break;
      case 'choice':
        this.addChoice(part.parts);
        break;
      case 'repeat':
        this.addRepeat(part.part, part.min, part.max);
    }
  }

  private addChoice(parts: readonly Part[]): void {
    const exits: number[] = [];
    parts.forEach((part, index) => {
      if (index === parts.length - 1) return this.add(part);
      const fork = this.reserve();
      this.add(part);
      exits.push(this.reserve());
      this.steps[fork] = { kind: 'fork', one: fork + 1, other: this.steps.length };
    });
    for (const exit of exits) this.steps[exit] = { kind: 'fork', one: this.steps.length, other: this.steps.length };
  }

  private addRepeat(part: Part, min: number, max: number): void {
    for (let count = 0; count < min; count++) this.add(part);
    const optional = max === Infinity ? 1 : max - min;
    const forks: number[] = [];
    for (let count = 0; count < optional; count++) {
      forks.push(this.reserve());
      this.add(part);
    }
    if (max === Infinity) this.steps[this.reserve()] = { kind: 'fork', one: forks[0]!, other: forks[0]! };
    for (const fork of forks) this.steps[fork] = { kind: 'fork', one: fork + 1, other: this.steps.length };
  }

  /** The index of a step that is filled in once its target is known. */
  private reserve(): number {
    return this.steps.push({ kind: 'match' }) - 1;
  }

  private atomOf(source: string): number {
    const atom = this.atoms.get(source) ?? this.atoms.size;
    this.atoms.set(source, atom);
    return atom;
  }
}
