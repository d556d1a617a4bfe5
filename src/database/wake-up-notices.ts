import type { Statement } from './database.js';

/** On which dispatchers of all processes hear that lanes may have work. */
export const LANES_CHANNEL = 'signalpost_lanes';

/** On which all processes hear of events in the inbox; publish_event.sql and settle_deliveries.sql tell it too. */
export const INBOX_CHANNEL = 'signalpost_inbox';

/** Statements of their own, without a payload: heard when the transaction commits. */
export const NOTIFY_LANES: Statement = { name: 'notify_lanes', text: `SELECT pg_notify('${LANES_CHANNEL}', '')` };
export const NOTIFY_INBOX: Statement = { name: 'notify_inbox', text: `SELECT pg_notify('${INBOX_CHANNEL}', '')` };
