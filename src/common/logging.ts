import type { LoggerService } from '@nestjs/common';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { redact, redactText } from './redact.js';

export interface LoggingOptions {
  /** A level of pino, or `silent`. */
  readonly level: string;
  /** Standard output by default. */
  readonly destination?: DestinationStream;
}

/** The process's log: JSON lines without secrets. It is also what Nest's own `Logger` writes to. */
export function createLogger({ level, destination }: LoggingOptions): SignalpostLogger {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // What `redact` made of an error is whole already.
    serializers: { err: (error: unknown) => error },
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (entry: object) => redact(entry) as Record<string, unknown>,
    },
    hooks: {
      logMethod(
        this: Logger,
        values: Parameters<Logger['info']>,
        method: (...values: Parameters<Logger['info']>) => void,
      ) {
        const [first] = values as unknown[];
        const given = first instanceof Error ? [{ err: first }, first.message, ...values.slice(1)] : values;
        const redacted = given.map((value: unknown) => (typeof value === 'string' ? redactText(value) : value));
        method.apply(this, redacted as Parameters<Logger['info']>);
      },
    },
  };
  return new SignalpostLogger(destination === undefined ? pino(options) : pino(options, destination));
}

/** Nest's logging on pino. */
export class SignalpostLogger implements LoggerService {
  constructor(readonly pino: Logger) {}

  log(message: unknown, ...details: unknown[]): void {
    this.write('info', message, details);
  }

  error(message: unknown, ...details: unknown[]): void {
    this.write('error', message, details);
  }

  warn(message: unknown, ...details: unknown[]): void {
    this.write('warn', message, details);
  }

  debug(message: unknown, ...details: unknown[]): void {
    this.write('debug', message, details);
  }

  verbose(message: unknown, ...details: unknown[]): void {
    this.write('trace', message, details);
  }

  fatal(message: unknown, ...details: unknown[]): void {
    this.write('fatal', message, details);
  }

  /** Nest's loggers give their context last, and errors a stack before it. */
  private write(
    level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace',
    message: unknown,
    details: unknown[],
  ): void {
    // An error without a stack comes with `undefined` in its place.
    const rest = details.filter((detail) => detail !== undefined);
    const context = typeof rest.at(-1) === 'string' ? (rest.pop() as string) : undefined;
    const entry: Record<string, unknown> = context === undefined ? {} : { context };
    if (typeof rest[0] === 'string') entry.stack = rest.shift();
    if (rest[0] instanceof Error) entry.err = rest.shift();
    if (rest.length > 0) entry.details = rest;
    if (message instanceof Error) this.pino[level]({ ...entry, err: message }, message.message);
    else if (typeof message === 'object' && message !== null) this.pino[level]({ ...entry, ...message });
    else this.pino[level](entry, String(message));
  }
}
