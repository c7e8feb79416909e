/** One service: its golden signals with the incident marked, its neighbours, versions, instances, operations, traces. */
import type { Exemplar, Golden, Graph, Series, ServiceDetail } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { GoldenCharts } from '../charts/golden.tsx';
import { ServiceGraph } from '../graph/service-graph.tsx';
import { duration, exact, percent, plural, rate } from '../format.ts';
import { Fact, Moment, Panel, ServiceName } from '../parts/basics.tsx';
import { Badge, levelOf } from '../parts/health.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { change, href, incidentHref, traceHref, usePlace, useParameter } from '../state/router.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource } from '../state/resource.ts';
import { CanaryPart } from './canary.tsx';
import { EdgeTable, goldenColumns } from './signals.tsx';

const scopes = ['version', 'zone', 'instance', 'operation'] as const;
type Scope = (typeof scopes)[number];

/** The part of the service that the charts show; the narrowest that the address names. */
const scopeOf = (query: URLSearchParams): { scope: Scope; value: string } | null => {
  for (const scope of [...scopes].reverse()) {
    const value = query.get(scope);
    if (value) return { scope, value };
  }
  return null;
};

const allButScope: Record<Scope, null> = { version: null, zone: null, instance: null, operation: null };

const Parts = <Row extends { golden: Golden }>(props: {
  scope: Scope;
  title: string;
  rows: Row[];
  name: (row: Row) => string;
  more?: Column<Row>[];
}) => {
  const { scope, rows, name } = props;
  const chosen = useParameter(scope);
  if (rows.length === 0) return null;
  return (
    <Panel title={props.title} aside={<span class="muted small">{exact(rows.length)}</span>}>
      <Table<Row>
        id={`${scope}sort`}
        label={props.title}
        rows={rows}
        rowKey={name}
        initial="-rate"
        rowClass={row => (name(row) === chosen ? 'row-chosen' : '')}
        columns={[
          {
            key: 'name',
            label: scope,
            sort: name,
            cell: row => (
              <button
                type="button"
                class="linklike"
                data-nav
                aria-pressed={name(row) === chosen}
                title={`Show the charts of this ${scope} only`}
                onClick={() => change({ ...allButScope, [scope]: name(row) === chosen ? null : name(row) })}
              >
                {name(row) || '(none)'}
              </button>
            ),
          },
          ...(props.more ?? []),
          ...goldenColumns<Row>(row => row.golden),
        ]}
      />
    </Panel>
  );
};

/** The slowest and the failed; the search has the rest. */
const mostExamples = 10;
const worst = (exemplars: Exemplar[]): Exemplar[] =>
  [...exemplars]
    .sort((a, b) => Number(b.error) - Number(a.error) || b.duration_s - a.duration_s)
    .slice(0, mostExamples);

const Traces = ({ service, exemplars }: { service: string; exemplars: Exemplar[] }) => (
  <Panel
    title="Example traces"
    aside={
      <>
        <a href={href('/traces', { service })}>All</a> ·{' '}
        <a href={href('/traces', { service, error: 'true' })}>Failing only</a>
      </>
    }
  >
    {exemplars.length === 0 ? (
      <Empty
        title="No example in this range."
        help="Examples are kept while spans arrive; metrics alone bring none."
      />
    ) : (
      <Table<Exemplar>
        id="tsort"
        label="Example traces"
        rows={worst(exemplars)}
        rowKey={row => `${row.trace_id} ${row.time_ms}`}
        initial="-duration"
        columns={[
          {
            key: 'trace',
            label: 'Trace',
            cell: row => (
              <a href={traceHref(row.trace_id)} class="mono" data-nav>
                {row.trace_id.slice(0, 16)}
              </a>
            ),
          },
          {
            key: 'time',
            label: 'Time',
            sort: row => row.time_ms,
            cell: row => <Moment ms={row.time_ms} short />,
          },
          {
            key: 'duration',
            label: 'Duration',
            number: true,
            sort: row => row.duration_s,
            cell: row => duration(row.duration_s),
          },
          {
            key: 'error',
            label: 'Outcome',
            cell: row => <Badge level={row.error ? 'critical' : 'ok'} word={row.error ? 'failed' : 'fine'} />,
          },
        ]}
      />
    )}
  </Panel>
);

const Head = ({ service }: { service: ServiceDetail }) => (
  <Panel
    title={<ServiceName id={service.id} />}
    aside={<Badge level={levelOf(service.health)} />}
    class={`panel-${levelOf(service.health)}`}
  >
    {service.incident !== null && service.incident !== undefined && (
      <p class="banner tone-critical">
        Part of <a href={incidentHref(service.incident)}>incident #{String(service.incident)}</a>; the charts
        mark it.
      </p>
    )}
    <dl class="facts">
      <Fact name="Requests">{rate(service.golden.request_rate)}</Fact>
      <Fact name="Failing">{percent(service.golden.error_ratio)}</Fact>
      <Fact name="p50">{duration(service.golden.latency?.p50_s)}</Fact>
      <Fact name="p99">{duration(service.golden.latency?.p99_s)}</Fact>
      <Fact name="Retries">{exact(service.golden.retries)}</Fact>
      <Fact name="Instances">{exact(service.instances.length)}</Fact>
      <Fact name="Last seen">
        <Moment ms={service.last_seen_ms} />
      </Fact>
    </dl>
    <Failures golden={service.golden} />
  </Panel>
);

/** Which kinds of failure, when there are any: "connection 12, timeout 3". */
const Failures = ({ golden }: { golden: Golden }) => {
  const kinds = Object.entries(golden.failures ?? {}).filter(([, amount]) => amount > 0);
  if (kinds.length === 0) return null;
  return (
    <p class="small muted">
      Failures in this range: {kinds.map(([kind, amount]) => `${exact(amount)} ${kind}`).join(', ')}
      {golden.failures?.client ? ' (client failures are not counted as errors)' : ''}.
    </p>
  );
};

const Neighbourhood = ({ id }: { id: string }) => {
  const answer = useResource<Graph>(withQuery('/graph', { ...rangeQuery(useRange()), limit: 1000 }));
  return (
    <Panel title="Neighbours" aside={<a href={href('/map')}>Whole map</a>}>
      <Show of={answer} size="l">
        {graph => <ServiceGraph graph={graph} show="sick" focus={id} />}
      </Show>
    </Panel>
  );
};

const Signals = ({ id }: { id: string }) => {
  const scope = scopeOf(usePlace().query);
  const path = withQuery('/series', {
    service: id,
    ...(scope ? { [scope.scope]: scope.value } : {}),
    ...rangeQuery(useRange()),
    step: 'auto',
  });
  const answer = useResource<Series>(path);
  return (
    <>
      <Panel
        id="signals"
        title={scope ? `Golden signals of ${scope.scope} ${scope.value}` : 'Golden signals'}
        aside={
          scope ? (
            <button type="button" class="button button-small" onClick={() => change(allButScope)}>
              Whole service
            </button>
          ) : (
            <span class="muted small">drag in a chart to zoom</span>
          )
        }
      >
        <Show of={answer} size="l">
          {series => <GoldenCharts series={series} />}
        </Show>
      </Panel>
      {answer.data && <Traces service={id} exemplars={answer.data.exemplars ?? []} />}
    </>
  );
};

export const ServiceView = () => {
  const id = useParameter('id');
  const answer = useResource<ServiceDetail>(
    withQuery(`/services/${encodeURIComponent(id)}`, rangeQuery(useRange())),
  );
  return (
    <Show of={answer} size="l">
      {service => (
        <div class="stack">
          <Head service={service} />
          <CanaryPart service={service.id} versions={service.versions} />
          <Signals id={service.id} />
          <Neighbourhood id={service.id} />
          <div class="columns">
            <Panel
              title="Called by"
              aside={<span class="muted small">{plural(service.callers.length, 'caller')}</span>}
            >
              {service.callers.length ? (
                <EdgeTable id="callersort" edges={service.callers} show="caller" />
              ) : (
                <Empty title="Nobody in the mesh: requests enter here." />
              )}
            </Panel>
            <Panel
              title="Calls"
              aside={<span class="muted small">{plural(service.callees.length, 'callee')}</span>}
            >
              {service.callees.length ? (
                <EdgeTable id="calleesort" edges={service.callees} show="callee" />
              ) : (
                <Empty title="Calls no other service that telemetry shows." />
              )}
            </Panel>
            <Parts scope="version" title="Versions" rows={service.versions} name={row => row.version} />
            <Parts scope="zone" title="Zones" rows={service.zones} name={row => row.zone} />
            <Parts
              scope="instance"
              title="Instances"
              rows={service.instances}
              name={row => row.instance}
              more={[
                {
                  key: 'version',
                  label: 'version',
                  minor: true,
                  sort: row => row.version,
                  cell: row => row.version ?? '',
                },
              ]}
            />
            <Parts
              scope="operation"
              title="Operations"
              rows={service.operations}
              name={row => row.operation}
            />
          </div>
        </div>
      )}
    </Show>
  );
};
