import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it arrived, whole. */
export interface Arrival {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The `webhook-id` header: the event's id. */
  readonly eventId: string;
  /** On the clock of `performance.now()`. */
  readonly atMs: number;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The answer is held back until this resolves. */
  readonly after?: Promise<unknown>;
}

/** A merchant's server on loopback: answers as the test says, and keeps what arrived. */
export class Receiver {
  readonly arrivals: Arrival[] = [];
  /** How each request is answered; 200 unless the test says otherwise. */
  answer: (arrival: Arrival) => Answer = () => ({});
  private watchers: (() => void)[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer({ keepAliveTimeout: 1_000 });
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url, headers } = request;
        const body = Buffer.concat(chunks).toString('utf8');
        const eventId = String(headers['webhook-id']);
        void receiver.take({ path: url!, headers, body, eventId, atMs: performance.now() }, response);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${path}`;
  }

  /** Resolves when `isTrue` holds; it is asked again after each arrival. */
  async until(isTrue: (arrivals: readonly Arrival[]) => boolean): Promise<void> {
    while (!isTrue(this.arrivals)) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  /** Resolves with the arrivals at `path` once there are `count` of them. */
  async arrived(count: number, path = '/hook'): Promise<Arrival[]> {
    await this.until(() => this.at(path).length >= count);
    return this.at(path);
  }

  at(path: string): Arrival[] {
    return this.arrivals.filter((arrival) => arrival.path === path);
  }

  private async take(arrival: Arrival, response: ServerResponse): Promise<void> {
    this.arrivals.push(arrival);
    const { status = 200, headers = {}, body = 'ok', after } = this.answer(arrival);
    this.watchers.splice(0).forEach((resolve) => resolve());
    await after;
    response.writeHead(status, headers).end(body);
  }
}
