/** The last hour of one service in the width of a word, asked for only when it scrolls into sight. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, withQuery } from '../api/client.ts';
import type { Series } from '../api/types.ts';
import { useLive } from '../state/live.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { grid, column, sparkPath } from './data.ts';

/** At most this many questions at a time, and each at most once a minute: a trend is not worth a storm. */
const atOnce = 3;
const fresh_ms = 60_000;
const waiting: (() => Promise<void>)[] = [];
let running = 0;
const kept = new Map<string, { at_ms: number; series: Series }>();
const mostKept = 500;

const pump = (): void => {
  while (running < atOnce) {
    const job = waiting.shift();
    if (!job) return;
    running++;
    void job().finally(() => {
      running--;
      pump();
    });
  }
};

const fetchTrend = (path: string, show: (series: Series) => void): void => {
  const known = kept.get(path);
  if (known) show(known.series);
  if (known && Date.now() - known.at_ms < fresh_ms) return;
  waiting.push(async () => {
    try {
      const series = await get<Series>(path);
      if (kept.size > mostKept) kept.clear();
      kept.set(path, { at_ms: Date.now(), series });
      show(series);
    } catch {
      // A trend is an ornament of the row: its number stands beside it, and the page tells problems once.
    }
  });
  pump();
};

/** Below this share of failures a second line would only be noise. */
const worthALine = 0.005;

const width = 96;
const height = 24;

export const Sparkline = ({ service }: { service: string }) => {
  const place = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  const [series, setSeries] = useState<Series | null>(null);
  const { revision } = useLive();
  const path = withQuery('/series', { service, ...rangeQuery(useRange()), step: 'auto' });

  useEffect(() => {
    if (!place.current) return;
    const watcher = new IntersectionObserver(entries => setSeen(entries.some(entry => entry.isIntersecting)));
    watcher.observe(place.current);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    let here = true;
    if (seen) fetchTrend(path, answer => here && setSeries(answer));
    return () => void (here = false);
  }, [seen, path, revision]);

  const data = series ? grid(series) : null;
  return (
    <span ref={place} class="sparkline" aria-hidden="true">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        {data && <path d={sparkPath(column(data, 'request_rate'), width, height)} class="spark-rate" />}
        {data && data.points.some(point => (point?.error_ratio ?? 0) >= worthALine) && (
          <path d={sparkPath(column(data, 'error_ratio'), width, height)} class="spark-errors" />
        )}
      </svg>
    </span>
  );
};
