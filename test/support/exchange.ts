import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * One request on a connection of its own, exactly as given. A `content-length` without a body announces one that never
 * comes: whoever refuses it must do so by what was announced.
 */
export async function exchange({ method, url, headers, body }: Exchange): Promise<Answer> {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const sent = request(url, { method, headers: { ...length, ...headers }, agent: false });
  if (body === undefined && headers['content-length'] !== undefined) sent.flushHeaders();
  else sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await text(response);
  sent.destroy();
  return { status: response.statusCode!, headers: response.headers, text: answer };
}
