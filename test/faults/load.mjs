import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { decodeId } from '../../dist/src/common/ids.js';

const TYPES = [
  'collect.pending',
  'collect.failed',
  'payment.pending',
  'payment.succeeded',
  'collect.succeeded',
  'payment.failed',
];
const ANSWER_MS = 5_000;
const TRY_AGAIN_MS = 50;
/** How long what is only read is asked for again; every fault is healed long before. */
const READ_MS = 30_000;
const READ_AGAIN_MS = 500;
/** One in so many events is sent once: without an answer nobody knows whether it was taken. */
const SENT_ONCE = 10;
/** Short, so that what failed at a fault is tried again soon after it; long enough to outlast any. */
const RETRY_SCHEDULE = [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5];
const TIMEOUT_MS = 2_000;

/**
 * Publishers with what was acknowledged to them. Each sends an event, waits for its answer, and sends it again with the
 * same `external_id`, to whichever process, until it has one.
 */
export class Load {
  /** `{id, uuid, key, endpoints: [{id, hook, eventTypes, isOrdered}]}` */
  accounts = [];
  /** By `external_id`: what the answer said. */
  acknowledged = new Map();
  /** By `external_id`, the account: everything that was ever sent. */
  attempted = new Map();
  /** Answers that no fault excuses. */
  refusals = [];
  #cluster;
  #random;
  #agent = new Agent({
    connections: 64,
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    connect: { timeout: 2_000 },
  });
  #loops = [];
  #isOver = false;
  #serial = 0;

  constructor(cluster, random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** `shapes`: for each endpoint of each account `{eventTypes, isOrdered}`. */
  async prepare(accounts, shapes) {
    for (let n = 0; n < accounts; n++) {
      const { account, keys } = await this.call('POST', '/v1/admin/accounts', this.#cluster.adminKey, {
        name: `Shop ${n}`,
      });
      const { key } = keys.find(({ mode }) => mode === 'test').secret_key;
      const endpoints = [];
      for (const { eventTypes, isOrdered } of shapes) {
        const hook = `${account.id}-${endpoints.length}`;
        const { id } = await this.call('POST', '/v1/webhook-endpoints', key, {
          url: `http://127.0.0.1:${this.#cluster.receiverLink.port}/hook/${hook}`,
          event_types: eventTypes,
          ordering: isOrdered ? 'operation' : 'none',
          retry_schedule: RETRY_SCHEDULE,
          timeout_ms: TIMEOUT_MS,
        });
        endpoints.push({ id, hook, eventTypes, isOrdered });
      }
      this.accounts.push({ id: account.id, uuid: decodeId('acct', account.id), key, endpoints });
    }
  }

  get hooks() {
    return this.accounts.flatMap(({ endpoints }) => endpoints.map(({ hook }) => hook));
  }

  /** `operations`: how many of each account move at a time. */
  start({ publishers, pauseMs, operations }) {
    this.#loops = Array.from({ length: publishers }, () => this.#publish(pauseMs, operations));
  }

  /** Resolves when every publisher has the answers it waits for. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  close() {
    return this.#agent.destroy();
  }

  /** A call that has to succeed, for before and after the faults. A busy machine may need some time to answer a GET. */
  async call(method, path, key, body) {
    const endMs = performance.now() + (method === 'GET' ? READ_MS : 0);
    let answer = await this.#send(method, path, key, body);
    while ((answer === null || answer.status >= 500) && performance.now() < endMs) {
      await pause(READ_AGAIN_MS);
      answer = await this.#send(method, path, key, body);
    }
    if (answer === null || answer.status >= 400)
      throw new Error(`${method} ${path}: ${answer?.status} ${answer?.text}`);
    return JSON.parse(answer.text);
  }

  async #publish(pauseMs, operations) {
    while (!this.#isOver) {
      const account = this.#random.pick(this.accounts);
      const type = this.#random.pick(TYPES);
      const externalId = `fault-${++this.#serial}`;
      const id = `${type.split('.')[0]}_${this.#random.integer(1, operations)}`;
      const input = { type, external_id: externalId, operation: { id, amount: 2_500, currency: 'XOF' } };
      const isSentOnce = this.#serial % SENT_ONCE === 0;
      this.attempted.set(externalId, account.id);
      do await this.#try(account, type, id, input);
      while (!this.acknowledged.has(externalId) && !isSentOnce && !this.#cluster.isStopping);
      await pause(this.#random.next() * 2 * pauseMs);
    }
  }

  async #try(account, type, operationId, input) {
    const answer = await this.#send('POST', '/v1/events', account.key, input);
    if (answer !== null && answer.status <= 201) {
      const { id, sequence } = JSON.parse(answer.text);
      this.acknowledged.set(input.external_id, { account: account.id, id, sequence, type, operationId });
      return;
    }
    if (answer !== null && answer.status < 500) this.refusals.push(`${answer.status} ${answer.text}`);
    await pause(TRY_AGAIN_MS);
  }

  /** Null: the answer never came whole. */
  async #send(method, path, key, body) {
    const { origins } = this.#cluster;
    if (origins.length === 0) return null;
    try {
      const response = await request(this.#random.pick(origins) + path, {
        method,
        dispatcher: this.#agent,
        headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch {
      return null;
    }
  }
}
