import { tryDecodeId, type IdPrefix } from './ids.js';
import { isPlainObject, type Problem } from './field-rule.js';
import { maskText } from './masked-text.js';
import { parseTime } from './time.js';

type Check = (value: unknown) => Problem | null;

const UNSTORABLE = /\0|\p{Surrogate}/u;

function wrongType(wanted: string): Problem {
  return { code: 'wrong_type', message: `Use ${wanted}.` };
}

export interface StringLimits {
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern?: RegExp;
  /** Said when `pattern` does not match: what to use instead. */
  readonly patternMessage?: string;
  readonly withoutSecrets?: boolean;
}

/** Lengths count characters (code points). */
export function stringCheck({
  minLength,
  maxLength,
  pattern,
  patternMessage,
  withoutSecrets = false,
}: StringLimits): Check {
  return (value) => {
    if (typeof value !== 'string') return wrongType('a string');
    if (UNSTORABLE.test(value)) {
      return {
        code: 'invalid_character',
        message: 'Leave out U+0000, unpaired surrogates and bytes that are not UTF-8.',
      };
    }
    const length = value.length <= minLength || value.length > maxLength ? [...value].length : value.length;
    if (length < minLength) return { code: 'too_short', message: atLeastCharacters(minLength) };
    if (length > maxLength) return { code: 'too_long', message: `Use at most ${maxLength} characters.` };
    if (pattern !== undefined && !pattern.test(value)) {
      return { code: 'invalid_format', message: patternMessage ?? `Use text that matches ${pattern.source}.` };
    }
    if (withoutSecrets && maskText(value) !== value) {
      return {
        code: 'holds_secret',
        message: 'Leave out what looks like a card number or a key: this is shown to people.',
      };
    }
    return null;
  };
}

/** What is not seen, and breaks or turns round a list, a line of a log or a terminal that shows it. */
const CONTROLS = {
  one: /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u,
  many: /(?![\n\r\t])[\p{Cc}\u202A-\u202E\u2066-\u2069]/u,
} as const;
/** Letters that Unicode gains are unassigned to an older Node: what has no assignment passes. */
const VISIBLE = /[^\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u;

export interface TextLimits extends Pick<StringLimits, 'minLength' | 'maxLength'> {
  readonly lines: keyof typeof CONTROLS;
}

/** Text that people read: it has something to see, and of controls tabs and the ends of lines at most. */
export function textCheck({ lines, ...limits }: TextLimits): Check {
  const checkString = stringCheck(limits);
  const advice =
    lines === 'one'
      ? 'Use one line, without control characters and what turns the direction of text.'
      : 'Leave out control characters and what turns the direction of text.';
  return (value) => {
    const problem = checkString(value);
    if (problem !== null || value === '') return problem;
    if (CONTROLS[lines].test(value as string)) return { code: 'invalid_character', message: advice };
    return VISIBLE.test(value as string) ? null : { code: 'blank', message: 'Use at least one visible character.' };
  };
}

export function integerCheck(minimum: number, maximum: number): Check {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType('an integer');
    if (!Number.isSafeInteger(value)) {
      return { code: 'unsafe_integer', message: `Use an integer up to ${Number.MAX_SAFE_INTEGER}.` };
    }
    if (value < minimum || value > maximum) {
      return { code: 'out_of_range', message: `Use an integer from ${minimum} to ${maximum}.` };
    }
    return null;
  };
}

export const numberCheck: Check = (value) => {
  return typeof value === 'number' && value >= 0 ? null : wrongType('a number from 0');
};

/** A parameter's text as its number; what is no integer stays a text, which the check refuses. */
export function integerFromText(text: string): unknown {
  return /^-?\d{1,20}$/.test(text) ? Number(text) : text;
}

export const booleanCheck: Check = (value) => (typeof value === 'boolean' ? null : wrongType('true or false'));

/** A parameter's text as a boolean; any other stays a text, which the check refuses. */
export function booleanFromText(text: string): unknown {
  return text === 'true' ? true : text === 'false' ? false : text;
}

export function enumCheck(values: readonly string[]): Check {
  return (value) => {
    if (typeof value !== 'string') return wrongType('a string');
    return values.includes(value) ? null : { code: 'not_one_of', message: `Use one of ${values.join(', ')}.` };
  };
}

export const timeCheck: Check = (value) => {
  if (typeof value !== 'string') return wrongType('a string');
  if (parseTime(value) !== null) return null;
  return { code: 'invalid_time', message: 'Use an ISO 8601 time with an offset, such as 2026-11-02T21:25:52Z.' };
};

/** A `+` that was not percent-encoded arrives as a space; before an offset it can mean nothing else. */
export function timeFromText(text: string): unknown {
  const spaced = text.replace(/ (\d{2}:?\d{2})$/, '+$1');
  return parseTime(spaced) ?? text;
}

export function idCheck(prefix: IdPrefix): Check {
  return (value) => {
    if (typeof value !== 'string') return wrongType('a string');
    if (tryDecodeId(prefix, value) !== null) return null;
    return { code: 'invalid_id', message: `Use an id that starts with ${prefix}_, as this API gave it.` };
  };
}

export const objectCheck: Check = (value) => (isPlainObject(value) ? null : wrongType('an object'));

export interface MapLimits {
  readonly maxPairs: number;
  readonly maxKeyLength: number;
  readonly maxValueLength: number;
}

/** An object of strings. The first wrong pair is told. */
export function mapCheck({ maxPairs, maxKeyLength, maxValueLength }: MapLimits): Check {
  const checkKey = stringCheck({ minLength: 1, maxLength: maxKeyLength });
  const checkValue = stringCheck({ minLength: 0, maxLength: maxValueLength });
  return (value) => {
    if (!isPlainObject(value)) return wrongType('an object of strings');
    const pairs = Object.entries(value);
    if (pairs.length > maxPairs) return { code: 'too_long', message: `Use at most ${maxPairs} pairs.` };
    for (const [key, text] of pairs) {
      const problem = checkKey(key) ?? checkValue(text);
      if (problem !== null) return { code: problem.code, message: `${key.slice(0, 100)}: ${problem.message}` };
    }
    return null;
  };
}

export function atLeastCharacters(count: number): string {
  return `Use at least ${count === 1 ? '1 character' : `${count} characters`}.`;
}
