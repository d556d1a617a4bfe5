import {
  CHECKSUM_LENGTH,
  hasValidChecksum,
  KEY_PATTERN,
  keyChecksum,
  makeKeySecret,
  PUBLIC_PART_LENGTH,
  SECRET_PART_LENGTH,
} from '../config/key-format.js';
import type { Mode } from './caller.js';

/** The kinds of key that an account holds; admin keys are configuration. */
export type ApiKeyKind = 'public' | 'secret' | 'restricted';

const PREFIXES = { public: 'pk', secret: 'sk', restricted: 'rk' } as const satisfies Record<ApiKeyKind, string>;
const PREFIX_LENGTH = 'sk_live_'.length;
const KEY_LENGTH = PREFIX_LENGTH + PUBLIC_PART_LENGTH + SECRET_PART_LENGTH + CHECKSUM_LENGTH;

/** What the text of a well-formed key says by itself; nothing in it is proved. */
export interface ParsedApiKey {
  readonly kind: ApiKeyKind;
  readonly mode: Mode;
  /** The 12 characters that the key is looked up by. */
  readonly publicPart: string;
}

/** A new whole key: prefix, 12 characters to look up by, 30 secret ones (178 random bits), 6 of checksum. */
export function makeApiKey(kind: ApiKeyKind, mode: Mode): string {
  const body = `${PREFIXES[kind]}_${mode}_${makeKeySecret(PUBLIC_PART_LENGTH + SECRET_PART_LENGTH)}`;
  return body + keyChecksum(body);
}

/**
 * Reads a key by length, characters, prefix and checksum; null when any of them is wrong. No I/O: strangers reach this.
 */
export function parseApiKey(text: string): ParsedApiKey | null {
  if (text.length !== KEY_LENGTH || !KEY_PATTERN.test(text) || !hasValidChecksum(text)) return null;
  return {
    kind: text.startsWith('sk') ? 'secret' : text.startsWith('pk') ? 'public' : 'restricted',
    mode: text.startsWith('_live_', 2) ? 'live' : 'test',
    publicPart: text.slice(PREFIX_LENGTH, PREFIX_LENGTH + PUBLIC_PART_LENGTH),
  };
}

/** How a key is shown once it is no longer whole: `sk_live_…4f2a`. The last four are of the checksum. */
export function previewOf(key: string): string {
  return `${key.slice(0, PREFIX_LENGTH)}…${key.slice(-4)}`;
}
