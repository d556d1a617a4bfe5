import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { AccountDirectory, type AccountSettings } from '../accounts/account-directory.js';
import { AppError } from '../common/app-error.js';
import { decodeId, ID_PREFIXES } from '../common/ids.js';
import type { AccessKind } from './access-rules.js';
import type { Caller, Mode } from './caller.js';
import type { VerifiedAdminKey } from './verification/credential.js';

export const ACTING_HEADERS = ['signalpost-account', 'signalpost-mode', 'signalpost-actor'] as const;
const LONGEST_ACTOR = 200;

/** Reads the headers by which an admin key acts for an account, and refuses them from anyone else. */
@Injectable()
export class ActingAccount {
  constructor(private readonly directory: AccountDirectory) {}

  /** @throws AppError `admin_header` when a key that is not admin's brings one of the headers. */
  assertAbsent(headers: IncomingHttpHeaders): void {
    for (const name of ACTING_HEADERS) {
      if (headers[name] !== undefined) throw new AppError('admin_header', `${name} is for admin keys.`);
    }
  }

  /**
   * The admin as a caller on a route of these kinds. Without a promise when the account is remembered.
   * @throws AppError `admin_header`, `acting_headers_required`, `invalid_input`, `not_found`.
   */
  callerOf(
    key: VerifiedAdminKey,
    kinds: readonly AccessKind[],
    headers: IncomingHttpHeaders,
    ip: string,
  ): Caller | Promise<Caller> {
    const account = single(headers['signalpost-account']);
    const mode = single(headers['signalpost-mode']);
    const admin = { key, actor: readActor(single(headers['signalpost-actor'])), ip };
    if ((account === undefined) !== (mode === undefined)) {
      throw new AppError('admin_header', 'Signalpost-Account and Signalpost-Mode go together.');
    }
    if (account === undefined || mode === undefined || !kinds.includes('admin')) {
      if (!kinds.includes('platform')) throw new AppError('acting_headers_required');
      return toCaller(admin, null, null);
    }
    const accountId = decodeId(ID_PREFIXES.account, account, 'Signalpost-Account');
    const actingMode = readMode(mode);
    const found = this.directory.find(accountId);
    if (found instanceof Promise) return found.then((settings) => toCaller(admin, existing(settings), actingMode));
    return toCaller(admin, existing(found), actingMode);
  }
}

interface ActingAdmin {
  readonly key: VerifiedAdminKey;
  readonly actor: string | null;
  readonly ip: string;
}

function toCaller({ key, actor, ip }: ActingAdmin, account: AccountSettings | null, mode: Mode | null): Caller {
  return {
    kind: 'admin',
    accountId: account?.id ?? null,
    mode,
    apiKeyId: null,
    actorName: actor ?? key.name,
    adminKeyName: key.name,
    scopes: null,
    locale: account?.locale ?? 'en',
    livePublishing: account?.livePublishing ?? false,
    ip,
  };
}

function existing(account: AccountSettings | null): AccountSettings {
  if (!account) throw new AppError('not_found', 'The account that Signalpost-Account names does not exist.');
  return account;
}

function readMode(text: string): Mode {
  if (text === 'test' || text === 'live') return text;
  throw AppError.invalid([{ field: 'Signalpost-Mode', code: 'invalid_value', message: 'Use test or live.' }]);
}

/** Header values arrive as Latin-1; names are sent as UTF-8. */
function readActor(text: string | undefined): string | null {
  if (text === undefined) return null;
  const bytes = Buffer.from(text, 'latin1');
  const decoded = bytes.toString('utf8');
  const actor = (decoded.includes('\ufffd') ? text : decoded).replace(/\p{Cc}+/gu, ' ').trim();
  if (actor.length > LONGEST_ACTOR) {
    throw AppError.invalid([
      { field: 'Signalpost-Actor', code: 'too_long', message: `Use at most ${LONGEST_ACTOR} characters.` },
    ]);
  }
  return actor === '' ? null : actor;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
