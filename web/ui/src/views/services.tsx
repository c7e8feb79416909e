/** All services with their golden signals: sortable, searchable, the sick ones first. */
import type { Service, ServiceList } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { Badge, levelOf } from '../parts/health.tsx';
import { Panel, ServiceName } from '../parts/basics.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { Sparkline } from '../charts/sparkline.tsx';
import { exact } from '../format.ts';
import { change, incidentHref, serviceHref, useParameter } from '../state/router.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource, type Resource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { goldenColumns } from './signals.tsx';

/** The largest page the API gives; with more services than this the search runs on the server. */
const most = 1000;
const severity = ['idle', 'ok', 'warning', 'critical'];

export const useServices = (search = ''): Resource<ServiceList> =>
  useResource<ServiceList>(withQuery('/services', { ...rangeQuery(useRange()), limit: most, search }));

const columns: Column<Service>[] = [
  {
    key: 'health',
    label: 'Health',
    largestFirst: true,
    sort: row => severity.indexOf(row.health) + Math.min(0.9, row.golden?.error_ratio ?? 0),
    cell: row => <Badge level={levelOf(row.health)} />,
  },
  {
    key: 'name',
    label: 'Service',
    sort: row => row.name,
    cell: row => (
      <a href={serviceHref(row.id)} class="quiet" data-nav>
        <ServiceName id={row.id} />
      </a>
    ),
  },
  ...goldenColumns<Service>(row => row.golden),
  {
    key: 'trend',
    label: 'Trend',
    minor: true,
    hint: 'Requests (line) and failing share (dashed)',
    cell: row => <Sparkline service={row.id} />,
  },
  {
    key: 'versions',
    label: 'Versions',
    minor: true,
    sort: row => row.versions?.length ?? 0,
    cell: row => <span class="clip">{(row.versions ?? []).join(', ') || '–'}</span>,
  },
  {
    key: 'instances',
    label: 'Instances',
    number: true,
    minor: true,
    sort: row => row.instances,
    cell: row => exact(row.instances),
  },
  {
    key: 'incident',
    label: 'Incident',
    sort: row => (row.incident === null ? 0 : 1),
    cell: row =>
      row.incident === null || row.incident === undefined ? (
        ''
      ) : (
        <a href={incidentHref(row.incident)}>#{String(row.incident)}</a>
      ),
  },
];

const briefColumns = columns.filter(
  column => !['versions', 'instances', 'p50', 'incident'].includes(column.key),
);

const chips = ['critical', 'warning', 'ok', 'idle'] as const;

const matches = (service: Service, search: string, only: string): boolean =>
  service.id.toLowerCase().includes(search.toLowerCase()) && (only === '' || service.health === only);

/** `brief`: the columns that fit into half a page. */
export const ServiceTable = ({ brief = false }: { brief?: boolean }) => {
  const search = useParameter('search');
  const only = useParameter('health');
  const whole = useServices();
  const partial = Boolean(whole.data?.next);
  const narrowed = useServices(partial ? search : '');
  const answer = partial && search ? narrowed : whole;
  return (
    <>
      <div class="filters">
        <input
          id="search"
          type="search"
          value={search}
          placeholder="Search services  ( / )"
          aria-label="Search services"
          spellcheck={false}
          onInput={event => change({ search: event.currentTarget.value }, true)}
        />
        {chips.map(level => (
          <button
            key={level}
            type="button"
            class="chip"
            aria-pressed={only === level}
            onClick={() => change({ health: only === level ? null : level }, true)}
          >
            <Badge
              level={level}
              word={`${text.health[level]} ${whole.data ? whole.data.services.filter(s => s.health === level).length : ''}`}
            />
          </button>
        ))}
      </div>
      <Show of={answer} size="l">
        {list => {
          const rows = list.services.filter(service => matches(service, search, only));
          if (list.services.length === 0 && !search)
            return <Empty title={text.empty.noServices} help={text.empty.noServicesHelp} />;
          if (rows.length === 0) {
            return (
              <Empty
                title={`${text.empty.noMatch} “${search}${only ? ` ${text.health[only as 'ok']}` : ''}”.`}
              >
                <button type="button" class="button" onClick={() => change({ search: null, health: null })}>
                  Show all {exact(list.services.length)}
                </button>
              </Empty>
            );
          }
          return (
            <>
              <Table
                id="sort"
                label="Services"
                columns={brief ? briefColumns : columns}
                rows={rows}
                rowKey={row => row.id}
                initial="-health"
                rowClass={row => `row-${levelOf(row.health)}`}
              />
              {list.next && (
                <p class="muted small">
                  The first {exact(list.services.length)} services; the search looks through all of them.
                </p>
              )}
            </>
          );
        }}
      </Show>
    </>
  );
};

export const ServicesView = () => (
  <Panel title="Services">
    <ServiceTable />
  </Panel>
);
