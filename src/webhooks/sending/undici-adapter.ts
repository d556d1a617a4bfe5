import type { AxiosAdapter, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import type { Dispatcher } from 'undici';
import type { Mode } from '../../auth/caller.js';
import type { PinnedPools } from './pinned-pools.js';
import { type Answer, exchangeFailure, SendFailure } from './send-failure.js';
import { judgeUrl, type UrlPolicy } from '../url-policy.js';

/** How much of an answer's body is kept; the rest, up to `maxContentLength`, is read so that the connection lives on. */
const KEPT_BODY_BYTES = 16_384;
const MAX_INFORMATIONAL_ANSWERS = 10;
const MAX_RETRY_AFTER_LENGTH = 128;

/**
 * Axios over pinned undici pools. It takes `url`, `method`, `headers`, `data` (a Buffer), `timeout` (from DNS to the last
 * byte), `signal` and `maxContentLength`; the response's `data` is an `Answer`. Redirects are answers like others, and
 * neither cookies nor proxies exist here.
 * @throws SendFailure as the rejection of every request without a whole answer
 */
export function undiciAdapter(mode: Mode, policy: UrlPolicy, pools: PinnedPools): AxiosAdapter {
  return async (config): Promise<AxiosResponse<Answer>> => {
    const { url, violation } = judgeUrl(config.url ?? '', mode, policy);
    if (violation !== null) throw new SendFailure('policy', violation.message);
    const answer = await exchange(pools.poolFor(url), url, config);
    return { data: answer, status: answer.statusCode, statusText: '', headers: {}, config };
  };
}

function exchange(pool: Dispatcher, url: URL, config: InternalAxiosRequestConfig): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader(config.maxContentLength ?? Infinity, resolve, reject);
    const timeoutMs = config.timeout ?? 0;
    if (timeoutMs > 0) reader.stopAfter(timeoutMs);
    if (config.signal) reader.stopOn(config.signal as AbortSignal);
    pool.dispatch(
      {
        method: (config.method ?? 'post').toUpperCase(),
        path: url.pathname + url.search,
        headers: Object.entries(config.headers).flat() as string[],
        body: config.data as Buffer,
      },
      reader,
    );
  });
}

/**
 * Reads one answer within its bounds. It settles its promise once, by whatever comes first: the end, the cap, the
 * deadline, an abort or an error; what undici still reports after that is dropped with the socket.
 */
class AnswerReader implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;
  private timer: NodeJS.Timeout | undefined;
  private signal: AbortSignal | null = null;
  private isSettled = false;
  private informationalAnswers = 0;
  private statusCode = 0;
  private retryAfter: string | null = null;
  private readonly kept: Buffer[] = [];
  private keptBytes = 0;
  private readBytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly resolve: (answer: Answer) => void,
    private readonly reject: (failure: SendFailure) => void,
  ) {}

  stopAfter(timeoutMs: number): void {
    this.timer = setTimeout(() => {
      const what = this.statusCode === 0 ? 'answer' : 'finish its answer';
      this.fail(new SendFailure('timeout', `The receiver did not ${what} within ${timeoutMs} ms.`));
    }, timeoutMs);
  }

  stopOn(signal: AbortSignal): void {
    this.signal = signal;
    signal.addEventListener('abort', this.onAbort, { once: true });
    if (signal.aborted) this.onAbort();
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
    if (this.readBytes > this.maxBytes) {
      this.succeed();
      this.drop();
    }
  }

  onResponseEnd(): void {
    this.succeed();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(exchangeFailure(error));
  }

  private readonly onAbort = (): void => {
    this.fail(new SendFailure('reset', 'Signalpost ended this attempt before the answer was complete.'));
  };

  private succeed(): void {
    if (this.settle()) this.resolve(this.answer()!);
  }

  private fail(failure: SendFailure): void {
    if (!this.settle()) return;
    this.reject(failure.withAnswer(this.answer()));
    this.drop();
  }

  private settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    clearTimeout(this.timer);
    this.signal?.removeEventListener('abort', this.onAbort);
    return true;
  }

  /** Destroys the socket, with whatever else the receiver would send. */
  private drop(): void {
    this.controller?.abort(new Error('Not read further'));
  }

  private answer(): Answer | null {
    if (this.statusCode === 0) return null;
    const body = this.kept.length === 1 ? this.kept[0]! : Buffer.concat(this.kept);
    const { statusCode, retryAfter } = this;
    return { statusCode, retryAfter, body, truncated: this.readBytes > this.keptBytes };
  }
}
