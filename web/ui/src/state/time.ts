/** The time range: relative to the newest event time (so a recording shows itself), or two fixed moments. */
import type { Zone } from '../format.ts';
import { usePlace } from './router.ts';

export interface TimeRange {
  /** Set when relative: "15m", "1h", … before the newest event. */
  relative: string | null;
  from_ms: number | null;
  to_ms: number | null;
}

export const presets = ['5m', '15m', '1h', '3h', '12h', '24h', '7d'];
const usual = '1h';
const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };

/** "15m" -> 900; null for anything else. */
export const spanSeconds = (text: string): number | null => {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  return match ? Number(match[1]) * (units[match[2] ?? ''] ?? 1) : null;
};

/** Reads a moment from the address: RFC 3339, or milliseconds since 1970. */
export const parseMoment = (text: string | null): number | null => {
  if (!text) return null;
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
};

export const rangeOf = (query: URLSearchParams): TimeRange => {
  const from = parseMoment(query.get('from'));
  const to = parseMoment(query.get('to'));
  if (from !== null && to !== null && to > from) return { relative: null, from_ms: from, to_ms: to };
  const relative = query.get('range') ?? usual;
  return { relative: spanSeconds(relative) ? relative : usual, from_ms: null, to_ms: null };
};

/** `start` and `end` as the API takes them. */
export const rangeQuery = (range: TimeRange): Record<string, string> => {
  if (range.relative === null) return { start: String(range.from_ms), end: String(range.to_ms) };
  const seconds = spanSeconds(range.relative) ?? 3600;
  return { start: seconds % 60 === 0 ? `-${seconds / 60}m` : `-${seconds}s` };
};

export const useRange = (): TimeRange => rangeOf(usePlace().query);
export const useZone = (): Zone => (usePlace().query.get('tz') === 'local' ? 'local' : 'utc');

/** For the address and for input fields: "2022-08-23T12:47:50Z". */
export const iso = (ms: number): string => new Date(ms).toISOString().replace(/\.000Z$/, 'Z');
