import { Injectable } from '@nestjs/common';
import { AccountsService } from '../accounts/accounts.service.js';
import { AppConfig } from '../config/app-config.js';
import { encodeId } from '../common/ids.js';
import { Database } from '../database/database.js';
import { AccountAdmin } from './account-admin.service.js';
import type { CreatedAccount } from './accounts.dto.js';

const BY_SERVICE = { caller: null, requestId: null } as const;
const INPUT = { name: 'Development', external_id: null, locale: 'en', live_publishing: true, metadata: {} } as const;

/** The account that a first start in development makes, so that the first request is one paste away. */
@Injectable()
export class DevelopmentAccount {
  constructor(
    private readonly accounts: AccountsService,
    private readonly admin: AccountAdmin,
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  /**
   * On a database without accounts, in development only: makes the account "Development" and gives the text to print,
   * with its keys and calls to paste. Its secret keys are kept nowhere else. Null when there is nothing to do.
   */
  async ensureDevelopmentAccount(baseUrl: string): Promise<string | null> {
    if (this.config.environment !== 'development') return null;
    const pairs = await this.admin.issuePairs();
    const created = await this.database.transaction(async (manager) =>
      (await this.accounts.claimFirst(manager)) ? this.admin.create(BY_SERVICE, INPUT, pairs, manager) : null,
    );
    if (!created) return null;
    return toWelcome(created, baseUrl, this.config.adminKeys[0]?.key ?? null);
  }
}

function toWelcome({ account, keys }: CreatedAccount, baseUrl: string, adminKey: string | null): string {
  const secretKey = keys[0]!.issued.secretKey.wholeKey;
  const lines = keys.flatMap(({ publicKey, issued }) => [
    `  ${publicKey.mode} secret key  ${issued.secretKey.wholeKey}`,
    `  ${publicKey.mode} public key  ${issued.publicKey.wholeKey}`,
  ]);
  return [
    `Made the account "Development" (${encodeId('acct', account.id)}). Its secret keys are shown here only:`,
    ...lines,
    ...(adminKey === null ? [] : [`  admin key        ${adminKey}`]),
    '',
    'Send its events to a receiver of yours, publish one, and list them:',
    '',
    call(secretKey, `-X POST ${baseUrl}/v1/webhook-endpoints`, {
      url: 'http://127.0.0.1:4000/hook',
      event_types: ['collect.*', 'payment.*'],
    }),
    '',
    call(secretKey, `-X POST ${baseUrl}/v1/events`, {
      type: 'collect.succeeded',
      operation: { id: 'col_first', amount: 2500, currency: 'XOF', reference: 'INV-1' },
    }),
    '',
    call(secretKey, `${baseUrl}/v1/events`),
    '',
  ].join('\n');
}

function call(key: string, target: string, body?: object): string {
  const lines = [`curl ${target}`, `  -H 'Authorization: Bearer ${key}'`];
  if (body) lines.push(`  -H 'Content-Type: application/json'`, `  -d '${JSON.stringify(body)}'`);
  return lines.join(' \\\n');
}
