import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { callerOf, pathOf } from '../common/http/request.js';
import { NIL_ACCOUNT } from '../common/ids.js';
import { Database } from './database.js';
import { IdempotencyRepository, type IdempotencyScope, type StoredAnswer } from './idempotency.repository.js';

export interface Answer<B extends object> {
  readonly status: number;
  readonly body: B;
  /** What a replay answers when it must differ from `body`: the same with null in the fields that hold a secret. */
  readonly stored?: object;
}

/** `work` may take its time; `keep` writes what came of it, and `answer` tells it. */
export interface OutsideWork<W, B extends object> {
  readonly work: () => Promise<W>;
  readonly keep: (done: W, manager: EntityManager) => Promise<void>;
  readonly answer: (done: W) => Answer<B>;
}

/** The status of a key whose work is under way, outside any transaction. */
const TAKEN = 0;
/** Longer than any work outside a transaction may last. */
const TAKEN_SECONDS = 60;

/**
 * Lets a POST have its effect once however often it is sent with one `Idempotency-Key`. Publishing does not come
 * through here: it stores the ids of its events instead of an answer, in the call that writes them.
 */
@Injectable()
export class Idempotency {
  constructor(
    private readonly database: Database,
    private readonly repository: IdempotencyRepository,
  ) {}

  /**
   * Runs `work` in one transaction and sets the answer's status; with a key the answer is stored in that transaction,
   * or, when one is stored, given again without running `work`. What `work` throws undoes all and is not stored.
   * @throws AppError 422 for a malformed or reused key, 409 `idempotency_in_progress`.
   */
  async run<B extends object>(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (manager: EntityManager) => Promise<Answer<B>>,
  ): Promise<object> {
    const scope = scopeOf(request);
    const { status, body, isReplay } = await this.database.transaction(async (manager) => {
      if (scope === null) return { ...(await work(manager)), isReplay: false };
      return this.runOnce(scope, hashBody(request.rawBody), work, manager);
    });
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    void reply.code(status);
    return body;
  }

  /**
   * As `run`, for work that talks to others and so must not happen inside a transaction: the key is taken in one,
   * `work` runs, and a second one stores the answer together with what `keep` writes. A process that dies between them
   * leaves the key taken for `TAKEN_SECONDS`.
   */
  async runOutside<W, B extends object>(
    request: FastifyRequest,
    reply: FastifyReply,
    { work, keep, answer }: OutsideWork<W, B>,
  ): Promise<object> {
    const scope = scopeOf(request);
    const bodyHash = hashBody(request.rawBody);
    const stored = scope && (await this.take(scope, bodyHash));
    if (stored) {
      void reply.header('idempotency-replayed', 'true').code(stored.status);
      return stored.response;
    }
    try {
      const done = await work();
      const { status, body, stored: response = body } = answer(done);
      await this.database.transaction(async (manager) => {
        await keep(done, manager);
        if (scope) await this.repository.store(scope, { bodyHash, status, response }, manager);
      });
      void reply.code(status);
      return body;
    } catch (error) {
      if (scope) await this.database.transaction((manager) => this.repository.delete(scope, manager));
      throw error;
    }
  }

  /** The stored answer; null when there is none, and the key is taken now. */
  private take(scope: IdempotencyScope, bodyHash: Buffer): Promise<StoredAnswer | null> {
    return this.database.transaction(async (manager) => {
      if (!(await this.repository.lock(scope, manager))) throw inProgress();
      const stored = await this.repository.find(scope, manager);
      if (stored === null || (stored.status === TAKEN && stored.ageSeconds >= TAKEN_SECONDS)) {
        await this.repository.store(scope, { bodyHash, status: TAKEN, response: {} }, manager);
        return null;
      }
      if (!stored.bodyHash.equals(bodyHash)) throw new AppError('idempotency_key_reused');
      if (stored.status === TAKEN) throw inProgress();
      return stored;
    });
  }

  private async runOnce<B extends object>(
    scope: IdempotencyScope,
    bodyHash: Buffer,
    work: (manager: EntityManager) => Promise<Answer<B>>,
    manager: EntityManager,
  ): Promise<{ status: number; body: object; isReplay: boolean }> {
    if (!(await this.repository.lock(scope, manager))) throw inProgress();
    const stored = await this.repository.find(scope, manager);
    if (stored !== null) {
      if (!stored.bodyHash.equals(bodyHash)) throw new AppError('idempotency_key_reused');
      return { status: stored.status, body: stored.response, isReplay: true };
    }
    const answer = await work(manager);
    const response = answer.stored ?? answer.body;
    await this.repository.store(scope, { bodyHash, status: answer.status, response }, manager);
    return { status: answer.status, body: answer.body, isReplay: false };
  }
}

function inProgress(): AppError {
  return new AppError('idempotency_in_progress', undefined, { headers: { 'retry-after': '1' } });
}

/** SHA-256 of the body as it came; no body counts as an empty one. */
export function hashBody(bytes: Buffer | undefined): Buffer {
  return createHash('sha256')
    .update(bytes ?? '')
    .digest();
}

/**
 * The `Idempotency-Key` of a POST; null without one, and on other methods.
 * @throws AppError 422 when it is not 1–255 printable ASCII characters.
 */
export function idempotencyKeyOf({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): string | null {
  const given = headers['idempotency-key'];
  if (method !== 'POST' || given === undefined) return null;
  if (typeof given === 'string' && /^[\x20-\x7e]{1,255}$/.test(given)) return given;
  throw AppError.invalid([
    { field: 'Idempotency-Key', code: 'invalid_format', message: 'Use 1 to 255 printable ASCII characters.' },
  ]);
}

function scopeOf(request: FastifyRequest): IdempotencyScope | null {
  const key = idempotencyKeyOf(request);
  if (key === null) return null;
  const caller = callerOf(request);
  return {
    accountId: caller?.accountId ?? NIL_ACCOUNT,
    mode: caller?.mode ?? '',
    callerClass: caller?.adminKeyName ? 'admin' : 'key',
    method: request.method,
    path: pathOf(request),
    key,
  };
}
