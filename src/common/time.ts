/** A day of UTC, where all are of one length. */
export const DAY_MS = 86_400_000;

const ISO_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))$/;

/**
 * An ISO 8601 time with an offset as UTC with milliseconds and `Z`; null when `text` is none.
 * Days that do not exist are none: `Date` alone would turn 30 February into 2 March.
 */
export function parseTime(text: string): string | null {
  const match = ISO_TIME.exec(text);
  if (match === null) return null;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day] = [part(1), part(2), part(3)];
  const [hour, minute, second] = [part(4), part(5), part(6)];
  const milliseconds = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offsetHour = part(9);
  const offsetMinute = part(10);
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59 || year === 0) return null;
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day) return null;
  local.setUTCHours(hour, minute, second, milliseconds);
  const offsetMinutes = (offsetHour * 60 + offsetMinute) * (match[8] === '-' ? -1 : 1);
  const utc = new Date(local.getTime() - offsetMinutes * 60_000).toISOString();
  return utc.length === 24 && !utc.startsWith('0000') ? utc : null;
}
