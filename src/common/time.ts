const ISO_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))$/;

/**
 * An ISO 8601 time with an offset as UTC with milliseconds and `Z`; null when `text` is none.
 * Days that do not exist are none: `Date` alone would turn 30 February into 2 March.
 */
export function parseTime(text: string): string | null {
  const match = ISO_TIME.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as number[];
  const milliseconds = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offsetHour = Number(match[9] ?? 0);
  const offsetMinute = Number(match[10] ?? 0);
  if (hour! > 23 || minute! > 59 || second! > 59 || offsetHour > 23 || offsetMinute > 59 || year === 0) return null;
  const local = new Date(0);
  local.setUTCFullYear(year!, month! - 1, day);
  if (local.getUTCMonth() !== month! - 1 || local.getUTCDate() !== day) return null;
  local.setUTCHours(hour!, minute, second, milliseconds);
  const offsetMinutes = (offsetHour * 60 + offsetMinute) * (match[8] === '-' ? -1 : 1);
  const utc = new Date(local.getTime() - offsetMinutes * 60_000).toISOString();
  return utc.length === 24 && !utc.startsWith('0000') ? utc : null;
}
