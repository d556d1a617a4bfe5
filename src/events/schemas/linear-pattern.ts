import { compilePattern, type Step } from './pattern-program.js';

const ASCII = 128;
const UNKNOWN = 2;

/**
 * A regular expression whose search takes time in proportion to the text, whatever both are: all the ways a match can
 * go are followed at once, character by character, so there is nothing to track back to. Only whether a text matches
 * is told. RegExp would let `^(a|a)*$` or fifty `a?` stop the process over one short string.
 */
export class LinearPattern {
  private readonly steps: readonly Step[];
  private readonly atoms: readonly RegExp[];
  private readonly asciiAnswers: readonly Uint8Array[];

  /** @throws PatternError */
  constructor(private readonly pattern: string) {
    const { steps, atoms } = compilePattern(pattern);
    this.steps = steps;
    this.atoms = atoms.map((source) => new RegExp(`^(?:${source})$`, 'u'));
    this.asciiAnswers = this.atoms.map((atom) =>
      Uint8Array.from({ length: ASCII }, (_, point) => (atom.test(String.fromCharCode(point)) ? 1 : 0)),
    );
  }

  /** Whether it matches anywhere in `text`. */
  test(text: string): boolean {
    const seenAt = new Int32Array(this.steps.length).fill(-1);
    const answers = new Uint8Array(this.atoms.length);
    let arrived: number[] = [];
    for (let index = 0; ;) {
      const isEnd = index >= text.length;
      const waiting = this.follow([...arrived, 0], index, isEnd, seenAt);
      if (waiting === null) return true;
      if (isEnd) return false;
      const point = text.codePointAt(index)!;
      answers.fill(UNKNOWN);
      arrived = [];
      for (const step of waiting) {
        const { atom } = this.steps[step] as Extract<Step, { kind: 'character' }>;
        if (answers[atom] === UNKNOWN) answers[atom] = this.accepts(atom, point);
        if (answers[atom] === 1) arrived.push(step + 1);
      }
      index += point > 0xffff ? 2 : 1;
    }
  }

  /** Ajv tells patterns apart by this. */
  toString(): string {
    return `/${this.pattern}/u`;
  }

  /** The steps that wait for a character, reached from `stack` without one; null: a match was reached. */
  private follow(stack: number[], index: number, isEnd: boolean, seenAt: Int32Array): number[] | null {
    const waiting: number[] = [];
    while (stack.length > 0) {
      const at = stack.pop()!;
      if (seenAt[at] === index) continue;
      seenAt[at] = index;
      const step = this.steps[at]!;
      switch (step.kind) {
        case 'match':
          return null;
        case 'character':
          waiting.push(at);
          break;
        case 'fork':
          stack.push(step.other, step.one);
          break;
        case 'start':
          if (index === 0) stack.push(at + 1);
          break;
        case 'end':
          if (isEnd) stack.push(at + 1);
      }
    }
    return waiting;
  }

  private accepts(atom: number, point: number): number {
    if (point < ASCII) return this.asciiAnswers[atom]![point]!;
    return this.atoms[atom]!.test(String.fromCodePoint(point)) ? 1 : 0;
  }
}
