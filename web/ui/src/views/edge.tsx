/** One call between two services: its golden signals, and how they split by version and zone of the callee. */
import type { Golden, Graph, Series } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { GoldenCharts } from '../charts/golden.tsx';
import { Panel } from '../parts/basics.tsx';
import { Badge, levelOf } from '../parts/health.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { useParameter } from '../state/router.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { EdgeTable, goldenColumns } from './signals.tsx';

export const EdgeView = () => {
  const id = useParameter('id');
  const range = rangeQuery(useRange());
  const answer = useResource<Series>(withQuery('/series', { edge: id, ...range, step: 'auto' }));
  const graph = useResource<Graph>(withQuery('/graph', { ...range, limit: 1000 }));
  const edge = graph.data?.edges.find(item => item.id === id);
  return (
    <div class="stack">
      <Panel
        title={<>Call {id.replace('>', ' → ')}</>}
        aside={edge && <Badge level={levelOf(edge.health)} />}
      >
        <Show of={answer} size="l">
          {series => <GoldenCharts series={series} />}
        </Show>
      </Panel>
      {edge && (
        <Panel title="This call">
          <EdgeTable id="esort" edges={[edge]} show="both" />
          {(edge.versions ?? []).length > 0 && (
            <Table
              id="evsort"
              label="By version and zone of the callee"
              rows={edge.versions ?? []}
              rowKey={row => `${row.version} ${row.zone}`}
              columns={[
                {
                  key: 'version',
                  label: 'Version',
                  sort: row => row.version,
                  cell: row => row.version || '–',
                },
                { key: 'zone', label: 'Zone', sort: row => row.zone, cell: row => row.zone || '–' },
                ...goldenColumns<{ version: string; zone: string; golden: Golden }>(row => row.golden),
              ]}
            />
          )}
        </Panel>
      )}
      {graph.data && !edge && <Empty title={text.empty.noEdges} help={text.empty.noServicesHelp} />}
    </div>
  );
};
