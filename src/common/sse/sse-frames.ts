/** Tells the reader to wait 2 s before it connects again; every stream begins with it. */
export const RETRY_FRAME = Buffer.from('retry: 2000\n\n');

/**
 * A comment that keeps proxies from closing a quiet stream. With a position it also tells the reader where the stream
 * stands, without an event: what it was not sent it need not ask for again.
 */
export function heartbeatFrame(position: string | null): Buffer {
  return Buffer.from(position === null ? ': heartbeat\n\n' : `: heartbeat\nid: ${position}\n\n`);
}

/** An object on its way, without `event:`, so that a browser's `onmessage` gets it. `json` goes out byte for byte. */
export function dataFrame(id: string, json: string): Buffer {
  return Buffer.from(`id: ${id}\ndata: ${json.includes('\n') ? json.replaceAll('\n', '\ndata: ') : json}\n\n`);
}

/** The last message of a stream that the service ends. */
export function endFrame(code: string, message: string): Buffer {
  return Buffer.from(`event: end\ndata: ${JSON.stringify({ code, message })}\n\n`);
}
