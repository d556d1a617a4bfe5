import { DAY_MS } from './time.js';

/**
 * The first millisecond that is still shown: the start of the UTC day that lies `days` before now, so that what a
 * merchant is told stays true all day. What is older reads as gone, whether or not its partition was dropped yet.
 */
export function retentionStartMs(now: Date, days: number): number {
  const startMs = now.getTime() - days * DAY_MS;
  return startMs - (startMs % DAY_MS);
}
