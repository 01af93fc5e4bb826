/**
 * Points in time, as an operator writes them: `2026-12-01`, `2026-12-01T12:00:00Z` (ISO 8601), `20261201120000` (as
 * RRSIG records have it, RFC 4034 section 3.2), or seconds since the epoch.
 *
 * A text without a zone is UTC, and a day alone is its first moment.
 */

/** Milliseconds since the epoch, or undefined for anything else, also for days that no calendar has. */
export function parseTime(text: string): number | undefined {
  const compact = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (compact !== null) return fromFields(compact.slice(1).map(Number));
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  const iso = isoTime.exec(text)?.groups;
  if (iso === undefined) return undefined;
  const { year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z' } = iso;
  const fields = [year, month, day, hour, minute, second].map(Number);
  const localMs = fromFields(fields);
  const offsetMs = zoneOffset(zone);
  if (localMs === undefined || offsetMs === undefined) return undefined;
  const ms = localMs + Number(`0${fraction}`) * 1000 - offsetMs;
  // A zone may carry it beyond the years that are written with four digits.
  return ms >= earliestMs && ms <= latestMs ? ms : undefined;
}

/** As `2026-12-01T12:00:00Z`. */
export function presentTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

const earliestMs = Date.UTC(100, 0);
const latestMs = Date.UTC(10_000, 0) - 1;

const isoTime =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?:[Tt ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?<fraction>\.\d{1,3})?)?(?<zone>[Zz]|[+-]\d\d:?\d\d)?)?$/;

function fromFields([year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: number[]):
  number | undefined {
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC takes 31 April for 1 May.
  const isSame =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isSame ? date.getTime() : undefined;
}

/** Milliseconds east of UTC. */
function zoneOffset(zone: string): number | undefined {
  if (/^z$/i.test(zone)) return 0;
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? [];
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
