import { Injectable } from '@nestjs/common';
import type { Credential } from './verification/credential.js';

/** A proved key that was refused because a web page sent it. */
export interface BrowserRefusal {
  readonly credential: Exclude<Credential, { kind: 'public' }>;
  readonly origin: string | null;
  readonly ip: string;
  readonly requestId: string;
}

type Handler = (refusal: BrowserRefusal) => void;

/** Where authentication reports what it refused; `keys`, which stands above it, listens and writes the log. */
@Injectable()
export class RefusalHook {
  private handler: Handler = () => undefined;

  onBrowserRefusal(handler: Handler): void {
    this.handler = handler;
  }

  /** Returns at once: the refusal's answer never waits for its log. */
  reportBrowserRefusal(refusal: BrowserRefusal): void {
    this.handler(refusal);
  }
}
