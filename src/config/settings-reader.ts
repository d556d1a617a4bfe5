/** One wrong setting: its name, what was found (masked when secret), and what is wanted. */
export interface SettingProblem {
  readonly name: string;
  readonly got: string;
  readonly wants: string;
}

/** The configuration cannot be used; the message lists every problem, one a line. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly SettingProblem[]) {
    const count = problems.length === 1 ? '1 setting is wrong' : `${problems.length} settings are wrong`;
    const lines = problems.map(({ name, got, wants }) => `  ${name}: got ${got}; wants ${wants}.`);
    super([`${count}:`, ...lines].join('\n'));
    this.name = 'ConfigError';
  }
}

/** Reads typed values out of an environment and collects what is wrong with them, so that all is told at once. */
export class SettingsReader {
  readonly problems: SettingProblem[] = [];

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  /** The trimmed value, or null when the variable is missing or empty. */
  text(name: string): string | null {
    return this.env[name]?.trim() || null;
  }

  isPresent(name: string): boolean {
    return this.env[name] !== undefined;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.text(name);
    if (value === null) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    this.report(name, value, `an integer from ${min} to ${max}`);
    return fallback;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === null) return fallback;
    const match = allowed.find((candidate) => candidate === value);
    if (match !== undefined) return match;
    this.report(name, value, `one of ${allowed.join(', ')}`);
    return fallback;
  }

  /** The parts of a comma-separated value, trimmed, empty ones left out. */
  list(name: string): string[] {
    return (this.env[name] ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }

  report(name: string, got: string | null, wants: string): void {
    this.problems.push({ name, got: got === null ? 'nothing' : JSON.stringify(got), wants });
  }

  throwIfWrong(): void {
    if (this.problems.length > 0) throw new ConfigError(this.problems);
  }
}

/** Keeps enough of a secret to tell which one it is, and no more: the first three characters of long ones. */
export function maskSecret(secret: string): string {
  return secret.length >= 16
    ? `${secret.slice(0, 3)}… (${secret.length} characters)`
    : `… (${secret.length} characters)`;
}
