import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../common/app-error.js';
import { AppConfig } from '../../config/app-config.js';
import { RefusalHook } from '../refusal-hook.js';
import type { Credential } from '../verification/credential.js';
import { comesFromForeignPage } from './browser-rule.js';

/** Refuses keys that must stay on servers when a web page sends them, and reports it. */
@Injectable()
export class BrowserGate {
  constructor(
    private readonly config: AppConfig,
    private readonly refusals: RefusalHook,
  ) {}

  /** @throws AppError `secret_key_in_browser`; the page can read it by the headers of `cross-origin.ts`. */
  assertNotExposed(request: FastifyRequest, credential: Credential): void {
    if (credential.kind === 'public') return;
    const { origin, host, 'sec-fetch-site': site } = request.headers;
    const secFetchSite = Array.isArray(site) ? site.join() : site;
    if (!comesFromForeignPage({ secFetchSite, origin, host }, this.config.publicUrl)) return;
    this.refusals.reportBrowserRefusal({ credential, origin: origin ?? null, ip: request.ip, requestId: request.id });
    throw new AppError('secret_key_in_browser');
  }
}
