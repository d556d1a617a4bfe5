import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AccountDirectory } from '../accounts/account-directory.js';
import { Database } from '../database/database.js';
import {
  DispatcherLeaseRepository,
  POISON_CRASHES,
  type CrashedDelivery,
} from '../deliveries/dispatcher-lease.repository.js';
import { describeDelivery } from '../logs/descriptions.js';
import { LogWriter, type NewLog } from '../logs/log-writer.js';
import { EndpointSettingsReader } from '../webhooks/endpoint-settings.js';

const SWEEP_MS = 1_000;

export interface SweepCounts {
  readonly dispatchers: number;
  readonly lanes: number;
  readonly crashed: number;
  readonly poisoned: number;
}

/** Frees what dispatchers held whose lease ran out, and ends deliveries that were in the air at too many deaths. */
@Injectable()
export class CrashSweeper {
  private readonly logger = new Logger(CrashSweeper.name);
  private running = false;

  constructor(
    private readonly leases: DispatcherLeaseRepository,
    private readonly database: Database,
    private readonly endpoints: EndpointSettingsReader,
    private readonly accounts: AccountDirectory,
    private readonly logs: LogWriter,
  ) {}

  @Interval(SWEEP_MS)
  async tick(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      await this.runOnce();
    } catch (error) {
      this.logger.error(`Dead dispatchers could not be swept; it is tried again: ${(error as Error).message}`);
    } finally {
      this.running = false;
    }
  }

  /** Any number of processes may run it at once. */
  async runOnce(): Promise<SweepCounts> {
    const dispatchers = await this.leases.deleteExpired();
    const { crashed, poisoned } = await this.countCrashes();
    const lanes = await this.leases.freeLanes();
    return { dispatchers, lanes, crashed, poisoned };
  }

  private countCrashes(): Promise<{ crashed: number; poisoned: number }> {
    return this.database.transaction(async (manager) => {
      const crashed = await this.leases.countCrashes(manager);
      const poison = crashed.filter((delivery) => delivery.crash_count >= POISON_CRASHES);
      if (poison.length === 0) return { crashed: crashed.length, poisoned: 0 };
      const ended = new Set(await this.leases.endAsPoison(poison, manager));
      const logs = await this.poisonLogs(poison.filter(({ id }) => ended.has(id)));
      await this.logs.write(logs, manager);
      return { crashed: crashed.length, poisoned: ended.size };
    });
  }

  private async poisonLogs(deliveries: readonly CrashedDelivery[]): Promise<NewLog[]> {
    const refs = deliveries.map((d) => ({ accountId: d.account_id, mode: d.mode, id: d.endpoint_id }));
    const urls = new Map((await this.endpoints.load(refs)).map((endpoint) => [endpoint.id, endpoint.url]));
    return Promise.all(
      deliveries.map(async (delivery): Promise<NewLog> => {
        const locale = (await this.accounts.find(delivery.account_id))?.locale ?? 'en';
        const url = urls.get(delivery.endpoint_id) ?? '';
        return {
          accountId: delivery.account_id,
          mode: delivery.mode,
          category: 'webhook',
          action: 'delivery.failed',
          status: 'failed',
          description: describeDelivery(locale, { url, outcome: 'poison' }),
          operationId: delivery.operation_id,
          eventId: delivery.event_id,
          endpointId: delivery.endpoint_id,
          deliveryId: delivery.id,
        };
      }),
    );
  }
}
