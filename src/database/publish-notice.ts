import { PROCESS_TAG } from './process-tag.js';

/** On which processes tell each other to which tenants they have published. A notice: `<process>;<tenant>,…`. */
export const PUBLISH_CHANNEL = 'signalpost_events';

/** PostgreSQL takes at most 8,000 bytes. */
const MOST_NAMED = 100;

/** @param tenantKeys of `tenantKey`, each once; where they are too many for a notice, it names none. */
export function writePublishNotice(tenantKeys: readonly string[]): string {
  return `${PROCESS_TAG};${tenantKeys.length > MOST_NAMED ? '' : tenantKeys.join(',')}`;
}

/** The tenants that a notice names; null when it names none, which stands for all. */
export function tenantKeysIn(notice: string): readonly string[] | null {
  const named = notice.slice(notice.indexOf(';') + 1);
  return named === '' ? null : named.split(',');
}

/** Whether this process wrote the notice. */
export function isOwnNotice(notice: string): boolean {
  return notice.startsWith(`${PROCESS_TAG};`);
}
