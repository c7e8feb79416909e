/** Columns for the golden signals, shared by every table that shows them. */
import type { Edge, Golden } from '../api/types.ts';
import { Table, type Column } from '../parts/table.tsx';
import { Badge, levelOf } from '../parts/health.tsx';
import { ServiceName } from '../parts/basics.tsx';
import { duration, percent, rate } from '../format.ts';
import { edgeHref, serviceHref } from '../state/router.ts';

const errorTone = (golden: Golden): string =>
  (golden.error_ratio ?? 0) >= 0.01 ? 'tone-critical strong' : '';

export const goldenColumns = <Row,>(of: (row: Row) => Golden): Column<Row>[] => [
  {
    key: 'rate',
    label: 'Requests',
    number: true,
    hint: 'Requests per second over the range',
    sort: row => of(row).request_rate,
    cell: row => rate(of(row).request_rate),
  },
  {
    key: 'errors',
    label: 'Failing',
    number: true,
    hint: 'Share of requests that failed by the fault of the server, the connection or a timeout',
    sort: row => of(row).error_ratio,
    cell: row => <span class={errorTone(of(row))}>{percent(of(row).error_ratio)}</span>,
  },
  {
    key: 'p50',
    label: 'p50',
    number: true,
    minor: true,
    hint: 'Half of the successful requests were faster',
    sort: row => of(row).latency?.p50_s,
    cell: row => duration(of(row).latency?.p50_s),
  },
  {
    key: 'p99',
    label: 'p99',
    number: true,
    hint: '99 of 100 successful requests were faster',
    sort: row => of(row).latency?.p99_s,
    cell: row => duration(of(row).latency?.p99_s),
  },
];

export const EdgeTable = ({
  id,
  edges,
  show,
}: {
  id: string;
  edges: Edge[];
  show: 'caller' | 'callee' | 'both';
}) => {
  const other = (edge: Edge): string => (show === 'caller' ? edge.caller : edge.callee);
  const name: Column<Edge> =
    show === 'both'
      ? {
          key: 'call',
          label: 'Call',
          sort: edge => edge.id,
          cell: edge => (
            <a href={edgeHref(edge.id)} class="quiet" data-nav>
              <ServiceName id={edge.caller} /> <span class="muted">→</span> <ServiceName id={edge.callee} />
            </a>
          ),
        }
      : {
          key: 'name',
          label: show === 'caller' ? 'Caller' : 'Callee',
          sort: other,
          cell: edge => (
            <a href={serviceHref(other(edge))} class="quiet" data-nav>
              <ServiceName id={other(edge)} />
            </a>
          ),
        };
  return (
    <Table
      id={id}
      label={show === 'both' ? 'Calls between services' : show === 'caller' ? 'Callers' : 'Callees'}
      columns={[
        {
          key: 'health',
          label: 'Health',
          sort: edge => ['idle', 'ok', 'warning', 'critical'].indexOf(edge.health),
          number: false,
          cell: edge => (
            <a href={edgeHref(edge.id)} class="quiet" aria-label={`The call ${edge.id}`}>
              <Badge level={levelOf(edge.health)} />
            </a>
          ),
        },
        name,
        ...goldenColumns<Edge>(edge => edge.golden),
        { key: 'protocol', label: 'Protocol', minor: true, cell: edge => edge.protocols?.join(', ') ?? '' },
      ]}
      rows={edges}
      rowKey={edge => edge.id}
      initial="-rate"
    />
  );
};
