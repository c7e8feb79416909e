/** From the API's points to what a chart draws: gaps stay gaps. */
import type { Point, Series } from '../api/types.ts';

export interface Grid {
  times_ms: number[];
  points: (Point | null)[];
}

/** Missing buckets are absent from the answer; one empty bucket at each end of a gap breaks the line there. */
export const grid = (series: Series): Grid => {
  const times_ms: number[] = [];
  const points: (Point | null)[] = [];
  const step = series.step_s * 1000;
  let previous: number | null = null;
  for (const point of [...series.points].sort((a, b) => a.time_ms - b.time_ms)) {
    if (previous !== null && point.time_ms - previous > step * 1.5) {
      times_ms.push(previous + step);
      points.push(null);
    }
    times_ms.push(point.time_ms);
    points.push(point);
    previous = point.time_ms;
  }
  return { times_ms, points };
};

export type Signal = 'request_rate' | 'error_ratio' | 'p50_s' | 'p90_s' | 'p99_s';

export const column = (of: Grid, signal: Signal): (number | null)[] =>
  of.points.map(point => point?.[signal] ?? null);

/** Comma-separated values of what the charts show, for a spreadsheet. */
export const csv = (series: Series): string => {
  const names: (keyof Point)[] = [
    'time_ms',
    'requests',
    'request_rate',
    'errors',
    'error_ratio',
    'p50_s',
    'p90_s',
    'p99_s',
    'mean_s',
    'retries',
  ];
  const rows = series.points.map(point => names.map(name => point[name] ?? '').join(','));
  return [names.join(','), ...rows].join('\n') + '\n';
};

/** A line of at most `width` x `height`, from numbers with gaps. */
export const sparkPath = (values: (number | null)[], width: number, height: number): string => {
  const seen = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (seen.length < 2) return '';
  const top = Math.max(...seen);
  const low = Math.min(0, ...seen);
  const span = top - low || 1;
  let pen = 'M';
  let path = '';
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) {
      pen = 'M';
      return;
    }
    const x = (i / (values.length - 1)) * width;
    const y = height - 1 - ((value - low) / span) * (height - 2);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  });
  return path;
};
