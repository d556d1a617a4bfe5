import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Axios } from 'axios';
import type { Mode } from '../../auth/caller.js';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/app-config.js';
import type { AttemptError } from '../../deliveries/attempt-errors.js';
import { HostResolver } from './host-resolver.js';
import { PinnedPools } from './pinned-pools.js';
import { type Answer, SendFailure } from './send-failure.js';
import { type Exchange, Outgoing, undiciAdapter } from './undici-adapter.js';
import { makeUrlPolicy } from '../url-policy.js';

const USER_AGENT = 'Signalpost/1 (webhooks)';

export interface SendInput {
  readonly url: string;
  readonly mode: Mode;
  /** The endpoint's own headers (already judged) and those of the signature. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** For the whole exchange, from DNS to the last byte. */
  readonly timeoutMs: number;
  /** Ends the attempt at once, as code `reset`. */
  readonly signal?: AbortSignal;
}

/** What happened to one request. The answer was whole (or reached its cap) when `error` is null. */
export interface SendResult {
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly statusCode: number | null;
  /** The header as it came, unparsed. */
  readonly retryAfter: string | null;
  /** `message` is for the merchant and never holds an address. */
  readonly error: { readonly code: AttemptError; readonly message: string } | null;
  /** The first bytes of the answer as text that PostgreSQL takes; null without a status. */
  readonly responseBody: string | null;
  readonly responseTruncated: boolean;
}

/** RFC 9110 ends here; a client is to take what is beyond it for a server's fault. */
const LAST_STATUS = 599;

/** Sends webhooks to vetted and pinned addresses alone, within bounds of time and size. It never throws. */
@Injectable()
export class WebhookClient implements OnApplicationShutdown {
  private readonly pools: Record<Mode, PinnedPools>;
  private readonly http: Record<Mode, Axios>;

  constructor(
    config: AppConfig,
    resolver: HostResolver,
    private readonly clock: Clock,
  ) {
    const policy = makeUrlPolicy(config.webhookAllowedPrivateCidrs, config.webhookAllowedPorts);
    this.pools = { test: new PinnedPools('test', policy, resolver), live: new PinnedPools('live', policy, resolver) };
    // An `Axios` with these settings alone: the defaults of `axios.create` (transforms, headers, proxies, a status that
    // throws) would change bytes and outcomes, and cost a third of the requests per second.
    const httpFor = (mode: Mode) =>
      new Axios({ adapter: undiciAdapter(mode, policy, this.pools[mode]), method: 'post' });
    this.http = { test: httpFor('test'), live: httpFor('live') };
  }

  async send(input: SendInput): Promise<SendResult> {
    const startedAt = this.clock.now();
    const startedMs = this.clock.monotonicMs();
    const { answer, failure } = await this.exchange(input);
    return {
      startedAt,
      durationMs: Math.round(this.clock.monotonicMs() - startedMs),
      statusCode: answer?.statusCode ?? null,
      retryAfter: answer?.retryAfter ?? null,
      error: failure && { code: failure.code, message: failure.message },
      responseBody: answer && toText(answer),
      responseTruncated: answer?.truncated ?? false,
    };
  }

  private async exchange({ url, mode, headers, body, timeoutMs, signal }: SendInput): Promise<Exchange> {
    const fields = ['content-type', 'application/json', 'accept-encoding', 'identity'];
    let hasUserAgent = false;
    for (const name in headers) {
      hasUserAgent ||= name.toLowerCase() === 'user-agent';
      fields.push(name, headers[name]!);
    }
    if (!hasUserAgent) fields.push('user-agent', USER_AGENT);
    try {
      const data = new Outgoing(fields, body, timeoutMs, signal);
      const { data: exchange } = await this.http[mode].request<Exchange>({ url, data });
      if (exchange.failure !== null || exchange.answer!.statusCode <= LAST_STATUS) return exchange;
      const failure = new SendFailure('protocol', "HTTP has no such status as the receiver's.");
      return { answer: exchange.answer, failure };
    } catch (error) {
      return { answer: null, failure: new SendFailure('protocol', 'The request could not be made.', { cause: error }) };
    }
  }

  /** Not earlier: the dispatcher waits in `beforeApplicationShutdown` for what is in the air. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.pools.test.destroy(), this.pools.live.destroy()]);
  }
}

/** UTF-8 with replacements, cut at a whole character, without NUL, which PostgreSQL does not store. */
function toText(answer: Answer): string {
  const text = answer.truncated
    ? new TextDecoder().decode(answer.body, { stream: true })
    : answer.body.toString('utf8');
  return text.replaceAll('\0', '\ufffd');
}
