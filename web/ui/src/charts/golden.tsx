/** The golden signals of one subject: requests, errors, latency, and what saturates. */
import { useMemo } from 'preact/hooks';
import type { Series } from '../api/types.ts';
import { duration, gauge, moment, percent, rate, exact } from '../format.ts';
import { Copy } from '../parts/basics.tsx';
import { Empty } from '../parts/states.tsx';
import { change, useParameter } from '../state/router.ts';
import { useZone } from '../state/time.ts';
import { text } from '../strings.ts';
import { Chart, type Line } from './chart.tsx';
import { column, csv, grid } from './data.ts';

const mostGauges = 8;

const linesOf = (series: Series) => {
  const data = grid(series);
  const requests: Line[] = [
    { label: 'requests', colour: '--series-rate', fill: true, values: column(data, 'request_rate') },
  ];
  const errors: Line[] = [
    { label: 'failing', colour: '--series-errors', fill: true, values: column(data, 'error_ratio') },
  ];
  const latency: Line[] = [
    { label: 'p50', colour: '--series-p50', dash: [2, 3], values: column(data, 'p50_s') },
    { label: 'p90', colour: '--series-p90', dash: [7, 3], values: column(data, 'p90_s') },
    { label: 'p99', colour: '--series-p99', values: column(data, 'p99_s') },
  ];
  return { times_ms: data.times_ms, requests, errors, latency };
};

const gaugesOf = (series: Series) =>
  Object.entries(series.gauges ?? {})
    .filter(([, points]) => points.length > 0)
    .slice(0, mostGauges)
    .map(([name, points]) => ({
      name,
      times_ms: points.map(point => point.time_ms),
      lines: [
        { label: 'mean', colour: '--series-p90', values: points.map(point => point.mean) },
        { label: 'highest', colour: '--series-p50', dash: [2, 3], values: points.map(point => point.max) },
      ] as Line[],
    }));

export const GoldenCharts = ({ series }: { series: Series }) => {
  const log = useParameter('log') === '1';
  const { golden, gauges, marks, range } = useMemo(
    () => ({
      golden: linesOf(series),
      gauges: gaugesOf(series),
      marks: (series.exemplars ?? []).map(e => ({ time_ms: e.time_ms, value: e.duration_s, error: e.error })),
      range: series.range,
    }),
    [series],
  );
  if (series.points.length === 0 && gauges.length === 0) {
    return <Empty title={text.empty.noPoints} help={text.empty.noServicesHelp} />;
  }
  const common = { times_ms: golden.times_ms, range, incidents: series.incidents ?? [] };
  return (
    <>
      <div class="charts">
        <Chart
          title="Requests"
          {...common}
          lines={golden.requests}
          format={rate}
          leastTop={0.01}
          band={series.bands?.request_rate}
        />
        <Chart
          title="Errors"
          {...common}
          lines={golden.errors}
          format={percent}
          leastTop={0.01}
          band={series.bands?.error_ratio}
        />
        <Chart
          title="Latency"
          {...common}
          lines={golden.latency}
          format={duration}
          leastTop={0.001}
          band={series.bands?.latency}
          marks={marks}
          log={log}
        />
        {gauges.map(item => (
          <Chart
            key={item.name}
            title={item.name}
            times_ms={item.times_ms}
            lines={item.lines}
            range={range}
            incidents={common.incidents}
            format={value => gauge(item.name, value)}
            leastTop={0.001}
            binary={/bytes|memory/.test(item.name)}
          />
        ))}
      </div>
      {gauges.length === 0 && <p class="muted small">{text.empty.noGauges}</p>}
      <button
        type="button"
        class="chip"
        aria-pressed={log}
        onClick={() => change({ log: log ? null : '1' }, true)}
      >
        logarithmic latency
      </button>
      <ChartTable series={series} />
    </>
  );
};

/** The same numbers as a table: for screen readers, for copying, for doubt. */
const ChartTable = ({ series }: { series: Series }) => {
  const zone = useZone();
  return (
    <details class="chart-table">
      <summary>
        The same as a table ({exact(series.points.length)} × {series.step_s} s)
      </summary>
      <Copy value={csv(series)} label="Copy as CSV" />
      <div class="table-frame table-short" role="region" aria-label="Golden signals as a table" tabIndex={0}>
        <table class="table">
          <thead>
            <tr>
              {['Time', 'Requests', 'Failing', 'p50', 'p90', 'p99'].map((name, i) => (
                <th key={name} scope="col" class={i > 0 ? 'number' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...series.points]
              .reverse()
              .slice(0, 400)
              .map(point => (
                <tr key={point.time_ms}>
                  <td>{moment(point.time_ms, zone)}</td>
                  <td class="number">{rate(point.request_rate)}</td>
                  <td class="number">{percent(point.error_ratio)}</td>
                  <td class="number">{duration(point.p50_s)}</td>
                  <td class="number">{duration(point.p90_s)}</td>
                  <td class="number">{duration(point.p99_s)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </details>
  );
};
