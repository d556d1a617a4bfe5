import type { AxiosAdapter, AxiosResponse } from 'axios';
import type { Client, Dispatcher } from 'undici';
import type { Mode } from '../../auth/caller.js';
import { judgeUrl, type UrlPolicy } from '../url-policy.js';
import type { OriginConnections } from './origin-connections.js';
import type { PinnedPools } from './pinned-pools.js';
import { type Answer, exchangeFailure, SendFailure } from './send-failure.js';

/** How much of an answer's body is kept; the rest, up to the cap, is read so that the connection lives on. */
const KEPT_BODY_BYTES = 16_384;
/** Past this much of an answer the socket is destroyed; the attempt keeps the status that it got. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_INFORMATIONAL_ANSWERS = 10;
const MAX_RETRY_AFTER_LENGTH = 128;
const MAX_TARGETS = 10_000;

/** What Axios hands to the adapter as `data`. A class, for Axios copies plain objects at every request. */
export class Outgoing {
  constructor(
    /** Names and values in turn. */
    readonly headers: string[],
    readonly body: Buffer,
    /** From DNS to the last byte. */
    readonly timeoutMs: number,
    readonly signal: AbortSignal | undefined,
  ) {}
}

/** A request's end: `failure` null when the answer was whole or reached its cap. */
export interface Exchange {
  readonly answer: Answer | null;
  readonly failure: SendFailure | null;
}

interface Target {
  readonly url: URL;
  readonly origin: string;
  readonly path: string;
}

/**
 * Axios over pinned connections: it takes `url`, and `data` as an `Outgoing`, and posts. The response's `data` is an
 * `Exchange`: it never rejects. Redirects are answers like others, and neither cookies nor proxies exist here.
 */
export function undiciAdapter(mode: Mode, policy: UrlPolicy, pools: PinnedPools): AxiosAdapter {
  const targets = new Map<string, Target | SendFailure>();
  const ofSignals = new WeakMap<AbortSignal, Readers>();

  /** What a URL's text says never changes, so that each is judged once. */
  function targetOf(text: string): Target | SendFailure {
    const known = targets.get(text);
    if (known !== undefined) return known;
    const { url, violation } = judgeUrl(text, mode, policy);
    const target =
      violation === null
        ? { url, origin: url.origin, path: url.pathname + url.search }
        : new SendFailure('policy', violation.message);
    if (targets.size >= MAX_TARGETS) targets.clear();
    targets.set(text, target);
    return target;
  }

  /** One listener for all that a signal can end: removing one of a thousand listeners walks through them. */
  function endedBy(signal: AbortSignal): Readers {
    const known = ofSignals.get(signal);
    if (known !== undefined) return known;
    const readers = new Readers();
    ofSignals.set(signal, readers);
    signal.addEventListener('abort', () => readers.abortAll(), { once: true });
    return readers;
  }

  return async (config): Promise<AxiosResponse<Exchange>> => {
    const respond = (data: Exchange) => ({ data, status: 0, statusText: '', headers: {}, config });
    const target = targetOf(config.url ?? '');
    if (target instanceof SendFailure) return respond({ answer: null, failure: target });
    const { headers, body, timeoutMs, signal } = config.data as Outgoing;
    if (signal?.aborted) return respond({ answer: null, failure: abortedFailure() });
    const connections = pools.connectionsTo(target.url, target.origin);
    const exchange = await new Promise<Exchange>((resolve) => {
      const client = connections.take(performance.now());
      const reader = new AnswerReader({ connections, client, timeoutMs, resolve, siblings: signal && endedBy(signal) });
      client.dispatch({ method: 'POST', path: target.path, headers, body }, reader);
    });
    return respond(exchange);
  };
}

function abortedFailure(): SendFailure {
  return new SendFailure('reset', 'Signalpost ended this attempt before the answer was complete.');
}

interface ReaderOptions {
  readonly connections: OriginConnections;
  readonly client: Client;
  readonly timeoutMs: number;
  readonly resolve: (exchange: Exchange) => void;
  /** Those that end with the same signal. */
  readonly siblings: Readers | undefined;
}

/**
 * The requests that one signal ends. Not a `Set`: each time that one fills up, V8 moves what it holds into a new table,
 * and the old one, which outlives it by a major collection, keeps all of these requests from being freed while young.
 */
class Readers {
  private readonly all: AnswerReader[] = [];

  /** @returns its place, until `remove` tells it another */
  add(reader: AnswerReader): number {
    return this.all.push(reader) - 1;
  }

  /** The last one takes its place. */
  remove(place: number): void {
    const last = this.all.pop()!;
    if (place === this.all.length) return;
    this.all[place] = last;
    last.place = place;
  }

  abortAll(): void {
    for (const reader of [...this.all]) reader.abort();
  }
}

/**
 * Reads one answer within its bounds. It resolves once, by whatever comes first: the end, the cap, the deadline, an
 * abort or an error; what undici still reports after that is dropped with the socket.
 */
class AnswerReader implements Dispatcher.DispatchHandler {
  /** Among its siblings. */
  place: number;
  private controller: Dispatcher.DispatchController | null = null;
  private readonly timer: NodeJS.Timeout;
  private isSettled = false;
  private hasClient = true;
  private informationalAnswers = 0;
  private statusCode = 0;
  private retryAfter: string | null = null;
  private readonly kept: Buffer[] = [];
  private keptBytes = 0;
  private readBytes = 0;

  constructor(private readonly options: ReaderOptions) {
    this.timer = setTimeout(() => this.onTimeout(), options.timeoutMs);
    this.place = options.siblings?.add(this) ?? 0;
  }

  abort(): void {
    this.fail(abortedFailure());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // The deadline may have passed while the connection was being made.
    if (this.isSettled) controller.abort(new Error('Settled before it was sent'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200) {
      this.informationalAnswers += 1;
      if (this.informationalAnswers > MAX_INFORMATIONAL_ANSWERS) {
        this.fail(new SendFailure('protocol', 'The receiver sends informational answers without end.'));
      }
      return;
    }
    this.statusCode = statusCode;
    const retryAfter = headers['retry-after'];
    const text = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
    this.retryAfter = text?.slice(0, MAX_RETRY_AFTER_LENGTH) ?? null;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isSettled) return;
    this.readBytes += chunk.length;
    const room = KEPT_BODY_BYTES - this.keptBytes;
    if (room > 0) {
      const part = chunk.length > room ? chunk.subarray(0, room) : chunk;
      this.kept.push(part);
      this.keptBytes += part.length;
    }
    if (this.readBytes > MAX_ANSWER_BYTES) {
      this.settle(null);
      this.dropSocket();
    }
  }

  onResponseEnd(): void {
    this.leaveClient(true);
    this.settle(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.leaveClient(false);
    this.fail(exchangeFailure(error));
  }

  private onTimeout(): void {
    const what = this.statusCode === 0 ? 'answer' : 'finish its answer';
    this.fail(new SendFailure('timeout', `The receiver did not ${what} within ${this.options.timeoutMs} ms.`));
  }

  private fail(failure: SendFailure): void {
    if (this.isSettled) return;
    this.settle(failure);
    this.dropSocket();
  }

  private settle(failure: SendFailure | null): void {
    if (this.isSettled) return;
    this.isSettled = true;
    clearTimeout(this.timer);
    this.options.siblings?.remove(this.place);
    this.options.resolve({ answer: this.answer(), failure });
  }

  /**
   * With whatever else the receiver would send; undici then reports an error, which drops the client. While there is no
   * connection yet, the client goes, so that none is made.
   */
  private dropSocket(): void {
    if (this.controller === null) this.leaveClient(false);
    else this.controller.abort(new Error('Not read further'));
  }

  private leaveClient(isUsable: boolean): void {
    if (!this.hasClient) return;
    this.hasClient = false;
    const { connections, client } = this.options;
    if (isUsable) connections.giveBack(client);
    else connections.drop(client);
  }

  private answer(): Answer | null {
    if (this.statusCode === 0) return null;
    const body = this.kept.length === 1 ? this.kept[0]! : Buffer.concat(this.kept);
    const { statusCode, retryAfter } = this;
    return { statusCode, retryAfter, body, truncated: this.readBytes > this.keptBytes };
  }
}
