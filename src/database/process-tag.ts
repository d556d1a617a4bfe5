import { randomBytes } from 'node:crypto';

/** Names this process in its own notifications, so that it need not answer what it said itself. */
export const PROCESS_TAG = randomBytes(6).toString('hex');
