/** Search for traces. */
import type { TraceList, TraceSummary } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { duration, exact, plural } from '../format.ts';
import { Moment, Panel, ServiceName } from '../parts/basics.tsx';
import { Badge } from '../parts/health.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { ShareBar } from '../parts/bar.tsx';
import { change, traceHref, usePlace } from '../state/router.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { useServices } from './services.tsx';

const fields = [
  ['operation', 'Operation', 'GET /cart'],
  ['min_duration', 'Trace at least', '250ms'],
  ['max_duration', 'Trace at most', '2s'],
  ['attribute', 'Attribute', 'http.status_code:500'],
] as const;

const Filters = () => {
  const { query } = usePlace();
  const services = useServices();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const values = Object.fromEntries(
      ['service', ...fields.map(([name]) => name)].map(name => [name, String(form.get(name) ?? '').trim()]),
    );
    change({ ...values, error: form.get('error') === 'on' ? 'true' : null });
  };
  return (
    <form class="filters filters-form" onSubmit={submit}>
      <label>
        Service
        <input
          name="service"
          list="service-names"
          value={query.get('service') ?? ''}
          placeholder="any"
          autocomplete="off"
        />
      </label>
      <datalist id="service-names">
        {(services.data?.services ?? []).slice(0, 500).map(service => (
          <option key={service.id} value={service.id} />
        ))}
      </datalist>
      {fields.map(([name, label, example]) => (
        <label key={name}>
          {label}
          <input name={name} value={query.get(name) ?? ''} placeholder={example} autocomplete="off" />
        </label>
      ))}
      <label class="check">
        <input type="checkbox" name="error" checked={query.get('error') === 'true'} /> failing only
      </label>
      <button type="submit" class="button button-strong">
        Search
      </button>
    </form>
  );
};

const shownServices = 4;

const Results = ({ list }: { list: TraceList }) => {
  const longest = Math.max(0, ...list.traces.map(trace => trace.duration_s ?? 0));
  return (
    <>
      <p class="muted small" role="status">
        {plural(list.traces.length, 'trace')} of {exact(list.searched)} searched
        {list.complete ? '' : '; the search stopped at its limit, narrow the range to see the rest'}
      </p>
      <Table<TraceSummary>
        id="sort"
        label="Traces"
        rows={list.traces}
        rowKey={row => row.trace_id}
        initial="-time"
        columns={[
          {
            key: 'root',
            label: 'Trace',
            sort: row => row.root_operation,
            cell: row => (
              <a href={traceHref(row.trace_id)} data-nav class="trace-name">
                <strong>{row.root_service ?? 'root not seen'}</strong> {row.root_operation ?? ''}
              </a>
            ),
          },
          {
            key: 'time',
            label: 'Time',
            largestFirst: true,
            sort: row => row.start_ms,
            cell: row => <Moment ms={row.start_ms} short />,
          },
          {
            key: 'duration',
            label: 'Trace duration',
            number: true,
            sort: row => row.duration_s,
            cell: row => (
              <span class="trace-duration">
                {duration(row.duration_s)}
                <ShareBar
                  share={longest > 0 ? (row.duration_s ?? 0) / longest : 0}
                  tone={row.errors > 0 ? 'fill-critical' : 'fill-accent'}
                />
              </span>
            ),
          },
          {
            key: 'spans',
            label: 'Spans',
            number: true,
            minor: true,
            sort: row => row.spans,
            cell: row => exact(row.spans),
          },
          {
            key: 'errors',
            label: 'Outcome',
            largestFirst: true,
            sort: row => row.errors,
            cell: row => (
              <Badge
                level={row.errors > 0 ? 'critical' : 'ok'}
                word={row.errors > 0 ? plural(row.errors, 'failed span') : 'fine'}
              />
            ),
          },
          {
            key: 'services',
            label: 'Services',
            minor: true,
            sort: row => row.services.length,
            cell: row => (
              <span class="muted small">
                {row.services.slice(0, shownServices).map(service => (
                  <span key={service} class="pill">
                    <ServiceName id={service} />
                  </span>
                ))}
                {row.services.length > shownServices && `+${row.services.length - shownServices}`}
              </span>
            ),
          },
        ]}
      />
    </>
  );
};

export const TracesView = () => {
  const { query } = usePlace();
  const asked = Object.fromEntries(
    ['service', 'operation', 'min_duration', 'max_duration', 'error', 'attribute'].map(name => [
      name,
      query.get(name),
    ]),
  );
  const answer = useResource<TraceList>(
    withQuery('/traces', { ...rangeQuery(useRange()), ...asked, limit: 100 }),
  );
  return (
    <Panel title="Traces">
      <Filters />
      <Show of={answer} size="l">
        {list =>
          list.traces.length === 0 ? (
            <Empty title={text.empty.noTraces} help={text.empty.noTracesHelp} />
          ) : (
            <Results list={list} />
          )
        }
      </Show>
    </Panel>
  );
};
