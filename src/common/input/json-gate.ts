import { createScanner } from 'jsonc-parser';
import { AppError, type FieldError } from '../app-error.js';

export interface JsonLimits {
  readonly maxDepth: number;
  /** Keys of all objects together. */
  readonly maxKeys: number;
  /** Bytes of one string or key in UTF-8. */
  readonly maxStringBytes: number;
  /**
   * A list at the root, such as `events`, whose items are each allowed `maxDepth` and `maxKeys`. An item over a limit
   * is an error of its own, after which nothing more of it is looked at; elsewhere a limit ends the walk.
   */
  readonly itemsIn?: string;
}

export const DEFAULT_JSON_LIMITS: JsonLimits = { maxDepth: 32, maxKeys: 1_000, maxStringBytes: 16 * 1024 };

/** Named at most, of a body or of each item of a batch; and of a whole batch, which may then have too many items. */
const MAX_ERRORS = 20;
const MAX_BATCH_ERRORS = 20_000;
const MAX_PATH_LENGTH = 256;
/** Objects and arrays inside items over a limit, in the whole body: `JSON.parse` still has to build them. */
const MAX_SKIPPED = 100_000;
const TOO_MUCH = { code: 'too_deep', message: 'Nest at most 32 levels.' };
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const UNSTORABLE = /\0|\p{Surrogate}/u;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** How many objects and arrays are open around an item: the root and the list. */
const ITEM_DEPTH = 2;

// The scanner's token kinds: its own enum is ambient and cannot be read under isolatedModules.
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const OPEN_BRACKET = 3;
const CLOSE_BRACKET = 4;
const COMMA = 5;
const STRING = 10;
const NUMBER = 11;
const END_OF_FILE = 17;

/**
 * The JSON value in `bytes`, refused where storing it would fail, lose digits or cost without bound.
 * Limits are judged token by token, before anything is built; well-formedness is judged by `JSON.parse`.
 * @throws AppError 400 `body_required`, 400 `malformed_json` (also bad UTF-8 and repeated keys), 422 `invalid_input`.
 */
export function parseJsonBody(bytes: Buffer, limits: JsonLimits = DEFAULT_JSON_LIMITS): unknown {
  const { value, errors } = readJson(bytes, limits);
  if (errors.length > 0) throw AppError.invalid(errors);
  return value;
}

/**
 * As `parseJsonBody`, but hands out what storing the value would break, for bodies whose items are refused one by one.
 */
export function readJson(bytes: Buffer, limits: JsonLimits): { value: unknown; errors: FieldError[] } {
  if (bytes.length === 0) throw new AppError('body_required');
  const text = decode(bytes);
  const errors = new JsonWalk(text, limits).run();
  return { value: parse(text), errors };
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new AppError('malformed_json', 'The body is not valid UTF-8.');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw text.trim() === ''
      ? new AppError('body_required')
      : new AppError('malformed_json', 'The body is not valid JSON.');
  }
}

/** An open object (`keys`: those seen) or array (`keys`: null), and where in it the walk stands. */
interface Frame {
  readonly keys: Set<string> | null;
  key: string;
  index: number;
}

/**
 * One pass over the tokens. On text that is not JSON it may find anything or nothing: `JSON.parse` has the last word.
 */
class JsonWalk {
  private readonly frames: Frame[] = [];
  private readonly errors: FieldError[] = [];
  private keyCount = 0;
  /** Of an item that is over a limit: how many of its objects and arrays are open. */
  private openSkipped = 0;
  private skipped = 0;
  /** `errors` when the present item began. */
  private errorsBefore = 0;
  /** Only `\u` can smuggle NUL or half a surrogate pair into well-formed UTF-8. */
  private readonly hasUnicodeEscapes: boolean;

  constructor(
    private readonly text: string,
    private readonly limits: JsonLimits,
  ) {
    this.hasUnicodeEscapes = text.includes('\\u');
  }

  run(): FieldError[] {
    const scanner = createScanner(this.text, true);
    let expectsKey = false;
    for (let token: number = scanner.scan(); token !== END_OF_FILE; token = scanner.scan()) {
      if (this.openSkipped > 0) {
        this.skip(token);
        continue;
      }
      switch (token) {
        case STRING:
          if (expectsKey) this.checkKey(scanner.getTokenValue());
          else this.checkString(scanner.getTokenValue());
          expectsKey = false;
          break;
        case NUMBER:
          this.checkNumber(scanner.getTokenValue());
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          expectsKey = this.open(token === OPEN_BRACE);
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.frames.pop();
          expectsKey = false;
          break;
        case COMMA:
          expectsKey = this.next();
          break;
      }
    }
    return this.errors;
  }

  private skip(token: number): void {
    if (token === OPEN_BRACE || token === OPEN_BRACKET) {
      this.openSkipped += 1;
      this.skipped += 1;
      if (this.skipped > MAX_SKIPPED) throw AppError.invalid([{ field: this.path(), ...TOO_MUCH }]);
    }
    if (token === CLOSE_BRACE || token === CLOSE_BRACKET) this.openSkipped -= 1;
  }

  /** True when a key is due. */
  private open(isObject: boolean): boolean {
    const itemDepth = this.isInItem() ? ITEM_DEPTH : 0;
    if (this.frames.length >= this.limits.maxDepth + itemDepth) {
      this.stop('too_deep', `Nest at most ${this.limits.maxDepth} levels.`);
      this.openSkipped += 1;
      return false;
    }
    if (itemDepth > 0 && this.frames.length === itemDepth) {
      this.keyCount = 0;
      this.errorsBefore = this.errors.length;
    }
    this.frames.push({ keys: isObject ? new Set() : null, key: '', index: 0 });
    return isObject;
  }

  /** Whether what opens now is an item of the list `itemsIn`, or stands in one. */
  private isInItem(): boolean {
    const [root, list] = this.frames;
    return this.limits.itemsIn !== undefined && root?.key === this.limits.itemsIn && list?.keys === null;
  }

  /** Moves on in the open object or array; true when a key is due. */
  private next(): boolean {
    const frame = this.frames.at(-1);
    if (frame === undefined) return false;
    frame.index += 1;
    return frame.keys !== null;
  }

  private checkKey(key: string): void {
    const frame = this.frames.at(-1);
    if (!frame?.keys) return;
    frame.key = key;
    if (frame.keys.has(key)) {
      throw new AppError('malformed_json', `An object names the key ${this.path()} twice.`);
    }
    frame.keys.add(key);
    this.keyCount += 1;
    if (this.keyCount > this.limits.maxKeys) {
      this.stop('too_many_keys', `Use at most ${this.limits.maxKeys} keys.`);
      return;
    }
    if (FORBIDDEN_KEYS.has(key)) this.report('forbidden_key', 'Use another name for this key.');
    this.checkString(key);
  }

  private checkString(value: string): void {
    const { maxStringBytes } = this.limits;
    if (value.length * 3 > maxStringBytes && Buffer.byteLength(value) > maxStringBytes) {
      this.stop('too_long', `Use at most ${maxStringBytes} bytes.`);
      return;
    }
    if (this.hasUnicodeEscapes && UNSTORABLE.test(value)) {
      this.report('invalid_character', 'Leave out U+0000 and unpaired surrogates.');
    }
  }

  private checkNumber(digits: string): void {
    // Fifteen characters hold no integer beyond 2^53, but an exponent does.
    if (digits.length <= 15 && !/[eE]/.test(digits)) return;
    const number = Number(digits);
    if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) {
      this.report('unsafe_integer', `Use an integer up to ${Number.MAX_SAFE_INTEGER}.`);
    }
  }

  private report(code: string, message: string): void {
    const { length } = this.errors;
    if (length - this.errorsBefore >= MAX_ERRORS || length >= MAX_BATCH_ERRORS) return;
    this.errors.push({ field: this.path(), code, message });
  }

  private stop(code: string, message: string): void {
    const error = { field: this.path(), code, message };
    if (!this.isInItem()) throw AppError.invalid([error]);
    this.errors.push(error);
    this.openSkipped = this.frames.length - ITEM_DEPTH;
    this.frames.length = ITEM_DEPTH;
  }

  /** Such as `events[3].operation.amount`; `body` for the value itself. */
  private path(): string {
    let path = '';
    for (const frame of this.frames) {
      if (frame.keys === null) path += `[${frame.index}]`;
      else path += path === '' ? frame.key : `.${frame.key}`;
      if (path.length > MAX_PATH_LENGTH) break;
    }
    return path.slice(0, MAX_PATH_LENGTH).replace(/\p{Cc}|\p{Surrogate}/gu, '\ufffd') || 'body';
  }
}
