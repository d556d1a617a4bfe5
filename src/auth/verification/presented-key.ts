import { hash } from 'node:crypto';
import { parseApiKey } from '../api-key.js';
import type { Credential } from './credential.js';

/** A well-formed key of an account, as a request brings it; nothing of it is proved. */
export interface PresentedKey {
  readonly text: string;
  /** The 12 characters that it is looked up by. */
  readonly publicPart: string;
  /**
   * SHA-256, under which a process remembers what became of the key; the key itself is never kept. Nobody guesses 178
   * random bits, so that no pepper is needed for it.
   */
  readonly cacheKey: string;
}

/** What authenticating reads of a request. */
export interface Presented {
  readonly authorization: string | undefined;
  readonly origin: string | undefined;
  readonly ip: string;
  /** Told as soon as the key proved right, though it may be refused yet: whose log its refusal belongs to. */
  readonly onProved?: (credential: Credential) => void;
  /** What `authorization` holds, read by the first judgment for those that follow. */
  key?: PresentedKey | null;
}

/** Null when the key is not well-formed. */
export function readPresentedKey(text: string): PresentedKey | null {
  const parsed = parseApiKey(text);
  return parsed && { text, publicPart: parsed.publicPart, cacheKey: hash('sha256', text, 'base64') };
}
