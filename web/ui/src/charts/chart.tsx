/** One uPlot chart in the colours of the theme: incident shading, expected band, synced cursor, brush to zoom. */
import uPlot from 'uplot';
import { useEffect, useRef } from 'preact/hooks';
import type { Band } from '../api/types.ts';
import { clock, dayClock, moment, type Zone } from '../format.ts';
import { change } from '../state/router.ts';
import { iso, useZone } from '../state/time.ts';
import { useTheme } from '../state/theme.ts';
import { behind, inFront, property } from './paint.ts';

export interface Line {
  label: string;
  /** A custom property of the style sheet. */
  colour: string;
  dash?: number[];
  fill?: boolean;
  values: (number | null)[];
}

export interface ChartProps {
  title: string;
  times_ms: number[];
  lines: Line[];
  format: (value: number | null | undefined) => string;
  range: { start_ms: number; end_ms: number };
  incidents: { opened_ms: number; closed_ms: number | null }[];
  band?: Band | null;
  /** The scale reaches at least this far, so that noise near zero does not look like a mountain. */
  leastTop: number;
  /** Decades instead of steps: for latencies whose p50 and p99 are far apart. */
  log?: boolean;
  /** Ticks at powers of two, for bytes. */
  binary?: boolean;
  marks?: { time_ms: number; value: number; error: boolean }[];
}

const height = 168;
/** Steps of an axis in bytes. */
const powersOfTwo = Array.from({ length: 50 }, (_, i) => 2 ** i);
const dayLong_ms = 20 * 3600e3;

const highest = (props: ChartProps): number => {
  let top = Math.max(props.leastTop, (props.band?.high ?? 0) * 1.15);
  for (const line of props.lines)
    for (const value of line.values) if (value !== null && value > top) top = value;
  return top * 1.06;
};

/** The smallest value above zero, where a logarithmic scale begins. */
const lowest = (props: ChartProps): number => {
  let low = highest(props);
  for (const line of props.lines)
    for (const value of line.values) if (value !== null && value > 0 && value < low) low = value;
  return low * 0.8;
};

const options = (
  latest: { current: ChartProps },
  zone: Zone,
  width: number,
  legend: () => HTMLElement | null,
): uPlot.Options => {
  const props = latest.current; // what is fixed while the chart lives; all else is read when it is needed
  const long = props.range.end_ms - props.range.start_ms > dayLong_ms;
  const axis = {
    stroke: property('--text-3'),
    grid: { stroke: property('--grid'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    tzDate: ts => (zone === 'utc' ? uPlot.tzDate(new Date(ts * 1e3), 'Etc/UTC') : new Date(ts * 1e3)),
    cursor: {
      sync: { key: 'golden', setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      focus: { prox: -1 },
    },
    scales: {
      x: {
        time: true,
        range: () => [latest.current.range.start_ms / 1000, latest.current.range.end_ms / 1000],
      },
      y: props.log
        ? { distr: 3, log: 10, range: () => [lowest(latest.current), highest(latest.current)] }
        : { range: () => [0, highest(latest.current)] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 70,
        values: (_, at) => at.map(s => (long ? dayClock : clock)(s * 1000, zone, false)),
      },
      {
        ...axis,
        size: 62,
        space: 32,
        values: (_, at) => at.map(value => (value === null ? null : props.format(value))),
        ...(props.binary ? { incrs: powersOfTwo } : {}),
      },
    ],
    series: [
      {},
      ...props.lines.map(line => ({
        label: line.label,
        stroke: property(line.colour),
        width: 1.8,
        ...(line.dash ? { dash: line.dash } : {}),
        ...(line.fill ? { fill: property(`${line.colour}-fill`) } : {}),
        points: { show: props.times_ms.length < 3, size: 5 },
      })),
    ],
    hooks: {
      drawAxes: [u => behind(u, latest.current)],
      draw: [u => inFront(u, latest.current)],
      setCursor: [u => tell(u, latest.current, zone, legend())],
      setSelect: [
        u => {
          if (u.select.width < 8) return;
          const from = u.posToVal(u.select.left, 'x') * 1000;
          const to = u.posToVal(u.select.left + u.select.width, 'x') * 1000;
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          change({
            from: iso(Math.floor(from / 1000) * 1000),
            to: iso(Math.ceil(to / 1000) * 1000),
            range: null,
          });
        },
      ],
    },
  };
};

/** Values under the cursor, written into the legend as text. */
const tell = (u: uPlot, props: ChartProps, zone: Zone, legend: HTMLElement | null): void => {
  if (!legend) return;
  const at = u.cursor.idx ?? null;
  legend.querySelectorAll<HTMLElement>('[data-line]').forEach((place, i) => {
    place.textContent = props.format(at === null ? last(props.lines[i]) : props.lines[i]?.values[at]);
  });
  const time = legend.querySelector<HTMLElement>('[data-time]');
  if (time) time.textContent = at === null ? '' : moment(props.times_ms[at], zone);
};

const last = (line: Line | undefined): number | null => {
  for (let i = (line?.values.length ?? 0) - 1; i >= 0; i--)
    if (line?.values[i] != null) return line.values[i] ?? null;
  return null;
};

const summary = (props: ChartProps): string =>
  `${props.title}: ` +
  props.lines
    .map(line => {
      const values = line.values.filter((value): value is number => value !== null);
      if (values.length === 0) return `${line.label} without values`;
      return `${line.label} last ${props.format(last(line))}, lowest ${props.format(Math.min(...values))}, highest ${props.format(Math.max(...values))}`;
    })
    .join('; ');

export const Chart = (props: ChartProps) => {
  const frame = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const theme = useTheme();

  const latest = useRef(props);
  latest.current = props;
  const plot = useRef<uPlot | null>(null);
  const data = (): uPlot.AlignedData =>
    [
      latest.current.times_ms.map(ms => ms / 1000),
      ...latest.current.lines.map(line => line.values),
    ] as uPlot.AlignedData;
  const long = props.range.end_ms - props.range.start_ms > dayLong_ms;

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const made = new uPlot(
      options(latest, zone, element.clientWidth || 320, () => legend.current),
      data(),
      element,
    );
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [props.lines.length, props.log, long, zone, theme]);

  // New numbers go into the chart that is there: a cursor or a selection under way survives them.
  useEffect(
    () => plot.current?.setData(data()),
    [props.times_ms, props.lines, props.range.start_ms, props.range.end_ms],
  );

  return (
    <figure class="chart">
      <figcaption ref={legend}>
        <strong>{props.title}</strong>
        {props.lines.map(line => (
          <span key={line.label} class="legend">
            <svg width="18" height="8" aria-hidden="true">
              <line
                x1="0"
                x2="18"
                y1="4"
                y2="4"
                class={`ink${line.colour}`}
                stroke-width="2.5"
                stroke-dasharray={line.dash?.join(' ')}
              />
            </svg>
            {line.label} <b data-line>{props.format(last(line))}</b>
          </span>
        ))}
        {props.band && (props.band.high ?? null) !== null && (
          <span class="legend">
            <svg width="18" height="10" aria-hidden="true">
              <rect width="18" height="10" class="band-swatch" />
            </svg>
            usual {props.format(props.band.low)} – {props.format(props.band.high)}
          </span>
        )}
        <span class="legend muted" data-time />
      </figcaption>
      <div class="chart-frame" ref={frame} role="img" aria-label={summary(props)} />
    </figure>
  );
};
