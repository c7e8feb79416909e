/** The service map, and the same as a list. */
import type { Graph } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { drawable, readable, type Show as ShowMode } from '../graph/select.ts';
import { Legend, ServiceGraph } from '../graph/service-graph.tsx';
import { exact, plural } from '../format.ts';
import { Panel } from '../parts/basics.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { change, href, useParameter } from '../state/router.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { EdgeTable } from './signals.tsx';

const most = 1000;

export const useGraph = () =>
  useResource<Graph>(withQuery('/graph', { ...rangeQuery(useRange()), limit: most }));

const Modes = ({ graph, show }: { graph: Graph; show: ShowMode }) => {
  if (graph.nodes.length <= readable) return null;
  return (
    <div class="filters" role="group" aria-label="What the map shows">
      <button
        type="button"
        class="chip"
        aria-pressed={show === 'sick'}
        onClick={() => change({ show: null })}
      >
        sick and one hop
      </button>
      <button
        type="button"
        class="chip"
        aria-pressed={show === 'all'}
        onClick={() => change({ show: 'all' })}
      >
        {graph.nodes.length <= drawable
          ? `all ${exact(graph.nodes.length)}`
          : `the first ${drawable} of ${exact(graph.nodes.length)}`}
      </button>
    </div>
  );
};

/** `whole`: the page of its own, with the list twin. */
export const MapPanel = ({ whole }: { whole: boolean }) => {
  const answer = useGraph();
  const show: ShowMode = useParameter('show') === 'all' ? 'all' : 'sick';
  return (
    <Panel
      title={whole ? 'Service map' : 'Who calls whom'}
      aside={!whole && <a href={href('/map')}>Open the map</a>}
      class="panel-map"
    >
      <Show of={answer} size="l">
        {graph =>
          graph.nodes.length === 0 ? (
            <Empty title={text.empty.noEdges} help={text.empty.noEdgesHelp} />
          ) : (
            <>
              <Modes graph={graph} show={show} />
              <ServiceGraph graph={graph} show={show} />
              <Legend />
              {graph.truncated && (
                <p class="muted small">
                  More than {exact(most)} calls: those into hurt services and the busiest are drawn.
                </p>
              )}
              {whole && (
                <details class="chart-table">
                  <summary>The same as a list ({plural(graph.edges.length, 'call')})</summary>
                  <EdgeTable id="esort" edges={graph.edges} show="both" />
                </details>
              )}
            </>
          )
        }
      </Show>
    </Panel>
  );
};

export const MapView = () => <MapPanel whole />;
