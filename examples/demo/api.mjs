import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

const REQUEST_TIMEOUT_MS = 30_000;
const TRIES = 5;

/** An answer that is no success; `fields` are the wrong fields it names. */
class ApiError extends Error {
  constructor(what, status, problem) {
    const fields = problem?.errors ?? [];
    const named = fields.map(({ field, message }) => `${field}: ${message}`);
    super([`${what} answered ${status} ${problem?.code ?? ''}: ${problem?.detail ?? ''}`, ...named].join(' '));
    this.fields = fields;
  }
}

/** The few calls that the demo makes, with one key; `stop` ends them all. */
export function openApi(baseUrl, key, stop) {
  async function call(method, path, body) {
    const headers = { authorization: `Bearer ${key}` };
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      // One key for all tries: an answer that was lost is given again, and nothing happens twice.
      headers['idempotency-key'] = randomUUID();
    }
    const request = { method, headers, body: body && JSON.stringify(body) };
    for (let attempt = 1; ; attempt++) {
      const answer = await send(`${baseUrl}${path}`, request, attempt < TRIES);
      if (answer?.ok) return answer.status === 204 ? null : answer.json();
      if (answer && !isTransient(answer.status, attempt)) {
        throw new ApiError(`${method} ${path}`, answer.status, await answer.json().catch(() => null));
      }
      const seconds = Number(answer?.headers.get('retry-after') ?? 0) || 2 ** attempt / 10;
      await wait(seconds * 1_000, undefined, { signal: stop });
    }
  }

  /** Null: the connection failed and may be tried again. */
  async function send(url, request, mayFail) {
    try {
      const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      return await fetch(url, { ...request, signal: stop ? AbortSignal.any([stop, timeout]) : timeout });
    } catch (error) {
      if (mayFail && !stop?.aborted) return null;
      throw new Error(`${url} does not answer: ${error.cause?.message ?? error.message}`);
    }
  }

  return {
    post: (path, body) => call('POST', path, body),
    remove: (path) => call('DELETE', path),
    /** All pages of a list. */
    async list(path) {
      const items = [];
      for (let cursor = ''; ; cursor = `&starting_after=${items.at(-1).id}`) {
        const page = await call('GET', `${path}&limit=100${cursor}`);
        items.push(...page.data);
        if (!page.has_more) return items;
      }
    },
  };
}

function isTransient(status, attempt) {
  return attempt < TRIES && (status === 429 || status === 503);
}
