import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { FastifyRequest } from 'fastify';
import { AccountChanges } from '../accounts/account-changes.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import type { Caller } from './caller.js';
import { Authenticator } from './verification/authenticator.js';
import type { Presented } from './verification/presented-key.js';

const TICK_MS = 500;

/** An answer that lasts: how its key was presented, when to judge it again, and whom to tell. */
interface Standing {
  readonly presented: Presented;
  readonly accountId: string | null;
  readonly onEnd: (refusal: AppError) => void;
  judgeAgainAtMs: number;
}

/**
 * Ends answers that outlast the key they were asked for with. A key is judged again by the very path of a request: at
 * once when its account changes, at its end, and whenever a request would look it up again: after 2 s while changes
 * cannot be heard.
 */
@Injectable()
export class StandingAccess {
  private readonly standings = new Set<Standing>();

  constructor(
    private readonly authenticator: Authenticator,
    private readonly changes: AccountChanges,
    private readonly clock: Clock,
  ) {
    // The authenticator's own subscription is older, so that it has forgotten the key when it is asked here.
    changes.subscribe((accountId) => {
      for (const standing of this.standings) {
        if (accountId === null || standing.accountId === accountId) void this.judge(standing);
      }
    });
  }

  /**
   * Calls `onEnd` once, as soon as the request's key would be refused, with what it would be told. Returns how to stop.
   */
  watch(request: FastifyRequest, caller: Caller, onEnd: (refusal: AppError) => void): () => void {
    const { authorization, origin } = request.headers;
    const presented = { authorization, origin, ip: request.ip };
    const standing: Standing = { presented, accountId: caller.accountId, onEnd, judgeAgainAtMs: 0 };
    this.standings.add(standing);
    // The account may have changed since the guard judged.
    void this.judge(standing);
    return () => this.standings.delete(standing);
  }

  @Interval(TICK_MS)
  tick(): void {
    const nowMs = this.clock.monotonicMs();
    for (const standing of this.standings) if (nowMs >= standing.judgeAgainAtMs) void this.judge(standing);
  }

  private async judge(standing: Standing): Promise<void> {
    try {
      const judgedAtMs = this.clock.monotonicMs();
      const credential = await this.authenticator.authenticate(standing.presented);
      const endsAtMs = credential.kind === 'admin' ? Infinity : credential.expiresAtMs;
      standing.judgeAgainAtMs = Math.min(endsAtMs, judgedAtMs + this.changes.memoryMs);
    } catch (error) {
      // Anything else says nothing of the key, such as a database that is away: the next tick asks again.
      const isRefused = error instanceof AppError && (error.status === 401 || error.status === 403);
      if (isRefused && this.standings.delete(standing)) standing.onEnd(error);
    }
  }
}
