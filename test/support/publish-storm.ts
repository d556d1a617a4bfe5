import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Fleet } from './fleet.js';
import { operationEvent, type PublishedEvent } from './publishing.js';

const PUBLISHERS = 32;
const OPERATIONS = 9;
/** What the database refuses, in the middle of the transaction that publishes it. */
const REFUSE = `ALTER TABLE signalpost.external_ids
  ADD CONSTRAINT refuse_poison CHECK (external_id NOT LIKE 'poison-%') NOT VALID`;
const CUT_PUBLISHING = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND state <> 'idle' AND query LIKE '%publish_events%' AND pid <> pg_backend_pid()
  LIMIT 2`;
const PUBLISH = 'SELECT signalpost.publish_event($1, $2, $3, $4, $5, $6)';

export interface StormOptions {
  readonly fleet: Fleet;
  readonly size: number;
  readonly databaseUrl: string;
  readonly accountId: string;
  readonly key: string;
  readonly eventsEach: number;
  /** Processes are killed, and started again, so many times, spread over the storm. */
  readonly kills: number;
}

export interface StormReport {
  /** What was answered, by `external_id`: the event's id. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** What must be there, acknowledged or committed by SQL. */
  readonly expected: ReadonlySet<string>;
  /** Requests whose answer never came, and those that were answered by 5xx. */
  readonly unanswered: number;
  readonly failed: number;
}

/**
 * 32 publishers send their own events, each with an `external_id` until it is acknowledged, to whichever process runs.
 * Meanwhile processes are killed, connections are cut in the middle of a publish, the database refuses some events in
 * the middle of theirs, and a producer commits or rolls back others by SQL.
 */
export async function publishStorm(options: StormOptions): Promise<StormReport> {
  const client = new pg.Client({ connectionString: options.databaseUrl });
  await client.connect();
  await client.query(REFUSE);
  try {
    return await new Storm(options, client).run();
  } finally {
    await client.query('ALTER TABLE signalpost.external_ids DROP CONSTRAINT refuse_poison');
    await client.end();
  }
}

class Storm {
  private readonly acknowledged = new Map<string, string>();
  private readonly expected = new Set<string>();
  private unanswered = 0;
  private failed = 0;
  private restarts: Promise<void>[] = [];

  constructor(
    private readonly options: StormOptions,
    private readonly client: pg.Client,
  ) {}

  async run(): Promise<StormReport> {
    const publishing = Promise.all(Array.from({ length: PUBLISHERS }, (_, publisher) => this.publish(publisher)));
    const total = PUBLISHERS * this.options.eventsEach;
    for (let kill = 1; kill <= this.options.kills; kill++) {
      await this.acknowledges((kill * total) / (this.options.kills + 1));
      await this.disturb(kill);
    }
    await publishing;
    await Promise.all(this.restarts);
    const { acknowledged, expected, unanswered, failed } = this;
    return { acknowledged, expected, unanswered, failed };
  }

  private async acknowledges(count: number): Promise<void> {
    while (this.acknowledged.size < count) await pause(5);
  }

  /** Kills a process, then cuts connections of the others. The process is back by itself, while the storm goes on. */
  private async disturb(kill: number): Promise<void> {
    const { fleet, size } = this.options;
    const index = kill % size;
    await Promise.all(this.restarts);
    await fleet.kill(index);
    this.restarts = [fleet.begin(index)];
    for (const ending of ['COMMIT', 'ROLLBACK']) {
      await this.client.query('BEGIN');
      for (let n = 0; n < 3; n++) await this.publishBySql(`${ending.toLowerCase()}-${kill}-${n}`, ending === 'COMMIT');
      await this.client.query(CUT_PUBLISHING);
      await this.client.query(ending);
    }
  }

  private async publishBySql(externalId: string, isKept: boolean): Promise<void> {
    const { accountId } = this.options;
    if (isKept) this.expected.add(externalId);
    await this.client.query(PUBLISH, [accountId, 'test', 'collect.pending', { id: 'op_sql' }, null, externalId]);
  }

  private async publish(publisher: number): Promise<void> {
    for (let n = 0; n < this.options.eventsEach; n++) {
      const type = n % 2 ? 'collect.failed' : 'collect.pending';
      const more = { external_id: `${publisher}-${n}`, data: { publisher, n } };
      await this.publishUntilTaken(operationEvent(type, `op_${(publisher + n) % OPERATIONS}`, more));
      if (n % 8 === 5) {
        const poison = { external_id: `poison-${publisher}-${n}` };
        await this.send(operationEvent('collect.pending', `op_${publisher % OPERATIONS}`, poison));
      }
    }
  }

  private async publishUntilTaken(input: Record<string, unknown>): Promise<void> {
    const externalId = input.external_id as string;
    this.expected.add(externalId);
    for (;;) {
      const answer = await this.send(input);
      if (answer === null) await pause(5);
      else {
        this.acknowledged.set(externalId, answer.id);
        return;
      }
    }
  }

  /** Null: not taken, or nobody knows. */
  private async send(input: object): Promise<PublishedEvent | null> {
    const answer = await this.options.fleet.post('/v1/events', this.options.key, input);
    if (answer === null) this.unanswered += 1;
    else if (answer.status >= 500) this.failed += 1;
    else if (answer.status > 201) throw new Error(`${answer.status} ${answer.text}`);
    else return JSON.parse(answer.text) as PublishedEvent;
    return null;
  }
}
