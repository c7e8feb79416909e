/** Numbers and moments for people. Nothing here ever says NaN: what is not known is a dash. */

export const unknown = '–';

type Number_ = number | null | undefined;
const known = (value: Number_): value is number => typeof value === 'number' && Number.isFinite(value);

/** Three significant digits at most, without trailing zeros: 0.123, 1.23, 12.3, 123. */
const digits = (value: number): string => {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 100) return String(Math.round(value));
  const places = size >= 10 ? 1 : size >= 1 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(size)));
  return String(Number(value.toFixed(places)));
};

const scaled = (value: number, steps: [number, string][]): string => {
  const size = Math.abs(value);
  for (const [unit, name] of steps) {
    // 999.6 rounds to 1000 and must take the next unit.
    if (size >= unit * 0.9995) return digits(value / unit) + name;
  }
  return digits(value);
};

const thousands: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

export const count = (value: Number_): string => (known(value) ? scaled(value, thousands) : unknown);

/** With thousands separators: 12,345. */
export const exact = (value: Number_): string =>
  known(value) ? Math.round(value).toLocaleString('en-GB') : unknown;

/** Requests per second; below one a second it is easier to think in minutes, below one a minute in hours. */
export const rate = (value: Number_): string => {
  if (!known(value)) return unknown;
  if (value === 0) return '0/s';
  if (value >= 0.9995) return `${scaled(value, thousands)}/s`;
  if (value * 60 >= 0.9995) return `${digits(value * 60)}/min`;
  return `${digits(value * 3600)}/h`;
};

/** 0.003 -> "0.3 %". A ratio that is not zero is never shown as "0 %", one below 1 never as "100 %". */
export const percent = (ratio: Number_): string => {
  if (!known(ratio)) return unknown;
  const value = ratio * 100;
  if (value === 0) return '0 %';
  if (Math.abs(value) < 0.01) return value < 0 ? '> −0.01 %' : '< 0.01 %';
  if (value < 100 && value > 99.99) return '> 99.99 %';
  if (value < 100 && value >= 99.5) return `${(Math.floor(value * 100) / 100).toString()} %`;
  return `${digits(Number(value.toPrecision(Math.abs(value) < 1 ? 2 : 3)))} %`;
};

/** Seconds -> "340 ms", "1.2 s", "12 µs", "2 min 5 s". */
export const duration = (seconds: Number_): string => {
  if (!known(seconds)) return unknown;
  const size = Math.abs(seconds);
  if (size === 0) return '0 ms';
  if (size < 0.9995e-6) return `${digits(seconds * 1e9)} ns`;
  if (size < 0.9995e-3) return `${digits(seconds * 1e6)} µs`;
  if (size < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (size < 59.95) return `${digits(seconds)} s`;
  return longDuration(seconds);
};

const longUnits: [number, string][] = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** The two largest units of a whole number of seconds: "2 min 5 s", "3 h 10 min". */
export const longDuration = (seconds: Number_): string => {
  if (!known(seconds)) return unknown;
  let rest = Math.round(Math.abs(seconds));
  const parts: string[] = [];
  for (const [unit, name] of longUnits) {
    const amount = Math.floor(rest / unit);
    rest -= amount * unit;
    if (amount > 0) parts.push(`${amount} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return (seconds < 0 ? '−' : '') + (parts.join(' ') || '0 s');
};

export const bytes = (value: Number_): string => {
  if (!known(value)) return unknown;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${digits(size)} ${units[unit] ?? ''}`;
};

/** A gauge: its name tells whether it is a share, bytes, seconds or a plain number. */
export const gauge = (name: string, value: Number_): string => {
  if (!known(value)) return unknown;
  if (/(utili[sz]ation|ratio)$/.test(name)) return percent(value);
  if (/(bytes|memory\.usage|memory\.working_set)$/.test(name)) return bytes(value);
  if (/(seconds|duration)$|(^|\.)latency(\.|$)/.test(name)) return duration(value);
  return count(value);
};

export type Zone = 'utc' | 'local';

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

const parts = (ms: number, zone: Zone) => {
  const d = new Date(ms);
  return zone === 'utc'
    ? [
        d.getUTCFullYear(),
        d.getUTCMonth(),
        d.getUTCDate(),
        d.getUTCHours(),
        d.getUTCMinutes(),
        d.getUTCSeconds(),
      ]
    : [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
};

const validMoment = (ms: Number_): ms is number => known(ms) && Math.abs(ms) < 8.64e15;

/** "2022-08-23 12:47:50 UTC", or in the browser's own zone with its offset. */
export const moment = (ms: Number_, zone: Zone = 'utc'): string => {
  if (!validMoment(ms)) return unknown;
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = parts(ms, zone);
  return `${y}-${pad(mo + 1)}-${pad(d)} ${pad(h)}:${pad(mi)}:${pad(s)} ${zoneName(ms, zone)}`;
};

/** "12:47:50". */
export const clock = (ms: Number_, zone: Zone = 'utc', seconds = true): string => {
  if (!validMoment(ms)) return unknown;
  const [, , , h = 0, mi = 0, s = 0] = parts(ms, zone);
  return seconds ? `${pad(h)}:${pad(mi)}:${pad(s)}` : `${pad(h)}:${pad(mi)}`;
};

/** "08-23 12:47", for an axis that spans days. */
export const dayClock = (ms: Number_, zone: Zone = 'utc'): string => {
  if (!validMoment(ms)) return unknown;
  const [, mo = 0, d = 0, h = 0, mi = 0] = parts(ms, zone);
  return `${pad(mo + 1)}-${pad(d)} ${pad(h)}:${pad(mi)}`;
};

export const zoneName = (ms: number, zone: Zone): string => {
  if (zone === 'utc') return 'UTC';
  const minutes = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
};

export const plural = (amount: number, one: string, many = `${one}s`): string =>
  `${exact(amount)} ${amount === 1 ? one : many}`;

/** "1 → 2.4": how many times larger, "24 times"; empty when it cannot be said. */
export const times = (seen: Number_, expected: Number_): string => {
  if (!known(seen) || !known(expected) || expected <= 0 || seen <= 0) return '';
  const factor = seen / expected;
  return factor >= 1.5 ? `${digits(Number(factor.toPrecision(2)))} × usual` : '';
};

/** A value of a named signal, in that signal's own unit. */
export const signalValue = (signal: string, value: Number_): string => {
  if (/errors|ratio|utili[sz]ation/.test(signal)) return percent(value);
  if (/latency|duration|p\d\d|_s$/.test(signal)) return duration(value);
  if (/rate|traffic/.test(signal)) return rate(value);
  return gauge(signal, value);
};
