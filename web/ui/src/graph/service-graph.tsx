/** The map as SVG: boxes are services, lines are calls. Width is rate; colour, dash and glyph are health. */
import { useMemo } from 'preact/hooks';
import type { Graph } from '../api/types.ts';
import { duration, percent, plural, rate } from '../format.ts';
import { GlyphAt, levelOf } from '../parts/health.tsx';
import { edgeHref, href, serviceHref } from '../state/router.ts';
import { text } from '../strings.ts';
import { edgeKey, layout, type Placed } from './layout.ts';
import { edgeWidth, select, type Drawn, type DrawnEdge, type DrawnNode, type Show } from './select.ts';

const spacing = { nodeWidth: 168, nodeHeight: 46, gapX: 72, gapY: 20 };
const margin = 14;

/** Smooth curve through the bend points, leaving and entering boxes horizontally. */
export const curve = (points: Placed[]): string => {
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${first.x.toFixed(1)} ${first.y.toFixed(1)}`;
  let from = first;
  for (const to of rest) {
    const middle = (from.x + to.x) / 2;
    path += `C${middle.toFixed(1)} ${from.y.toFixed(1)} ${middle.toFixed(1)} ${to.y.toFixed(1)} ${to.x.toFixed(1)} ${to.y.toFixed(1)}`;
    from = to;
  }
  return path;
};

const shortName = (id: string): string => {
  const bare = id.replace(/@[^@]*$/, '');
  return bare.slice(bare.indexOf('/') + 1) || id;
};

const clip = (name: string, length: number): string =>
  name.length > length ? `${name.slice(0, length - 9)}…${name.slice(-8)}` : name;

const edgeWords = (edge: DrawnEdge): string => {
  const golden = edge.edge?.golden;
  const pair = edge.edge ? `${edge.edge.caller} calls ${edge.edge.callee}` : plural(edge.count, 'call path');
  const numbers = golden
    ? `, ${percent(golden.error_ratio)} failing, p99 ${duration(golden.latency?.p99_s)}`
    : '';
  return `${pair}: ${rate(edge.rate)}${numbers}, ${text.health[levelOf(edge.health)]}`;
};

const EdgeLine = ({ edge, path, busiest }: { edge: DrawnEdge; path: Placed[]; busiest: number }) => {
  const level = levelOf(edge.health);
  const d = curve(path);
  const line = (
    <>
      <title>{edgeWords(edge)}</title>
      <path d={d} class="edge-hit" />
      <path
        d={d}
        class={`edge edge-${level}`}
        stroke-width={edgeWidth(edge.rate, busiest).toFixed(1)}
        marker-end={`url(#arrow-${level})`}
      />
    </>
  );
  return edge.edge ? (
    <a href={edgeHref(edge.edge.id)} aria-label={edgeWords(edge)} class="edge-link" tabIndex={-1}>
      {line}
    </a>
  ) : (
    <g>{line}</g>
  );
};

const nodeNumbers = (node: DrawnNode): string => {
  const golden = node.node?.golden;
  if (!golden) return '';
  return `${rate(golden.request_rate)} · ${percent(golden.error_ratio)} · ${duration(golden.latency?.p99_s)}`;
};

const groupLabel = (node: DrawnNode): string => {
  const kind = node.sick ? 'more' : 'healthy';
  return `+${(node.members ?? []).length} ${kind}`;
};

const NodeBox = ({ node, at, dim, focus }: { node: DrawnNode; at: Placed; dim: boolean; focus: boolean }) => {
  const level = levelOf(node.health);
  const { nodeWidth: w, nodeHeight: h } = spacing;
  const words = node.members
    ? `${groupLabel(node)} in ${node.label || 'the mesh'}`
    : `${node.id}: ${text.health[level]}, ${nodeNumbers(node)}`;
  return (
    <a
      href={node.members ? href('/services', { search: node.label }) : serviceHref(node.id)}
      class={`node node-${level} ${dim ? 'node-dim' : ''} ${node.members ? 'node-group' : ''} ${focus ? 'node-focus' : ''}`}
      aria-label={words}
      data-nav
    >
      <title>{words}</title>
      <rect x={at.x} y={at.y} width={w} height={h} rx="7" />
      <GlyphAt level={level} x={at.x + 9} y={at.y + 8} size={14} />
      <text x={at.x + 29} y={at.y + 19} class="node-name">
        {clip(node.members ? groupLabel(node) : shortName(node.id), 20)}
      </text>
      <text x={at.x + 10} y={at.y + 37} class="node-numbers">
        {node.members ? clip(node.label || 'other services', 26) : nodeNumbers(node)}
      </text>
    </a>
  );
};

const Arrow = ({ level }: { level: string }) => (
  <marker
    id={`arrow-${level}`}
    viewBox="0 0 8 8"
    refX="7"
    refY="4"
    markerWidth="9"
    markerHeight="9"
    markerUnits="userSpaceOnUse"
    orient="auto"
  >
    <path d="M0 0.5L8 4L0 7.5z" class={`arrow-${level}`} />
  </marker>
);

const busiestOf = (drawn: Drawn): number => drawn.edges.reduce((most, edge) => Math.max(most, edge.rate), 0);

export const ServiceGraph = ({
  graph,
  show,
  focus = null,
}: {
  graph: Graph;
  show: Show;
  focus?: string | null;
}) => {
  const drawn = useMemo(() => select(graph, show, focus), [graph, show, focus]);
  // Positions depend on the topology alone, so that the map stands still while numbers change.
  const shape =
    drawn.nodes
      .map(node => node.id)
      .sort()
      .join('\n') +
    '\n\n' +
    drawn.edges
      .map(e => edgeKey(e.from, e.to))
      .sort()
      .join('\n');
  const placed = useMemo(
    () =>
      layout(
        drawn.nodes.map(node => node.id),
        drawn.edges,
        spacing,
      ),
    [shape],
  );
  const busiest = busiestOf(drawn);
  const anySick =
    drawn.nodes.some(node => node.sick) ||
    drawn.edges.some(edge => edge.health === 'critical' || edge.health === 'warning');
  const touched = new Set(
    drawn.edges.filter(e => e.health === 'critical' || e.health === 'warning').flatMap(e => [e.from, e.to]),
  );
  const width = placed.width + 2 * margin;
  const height = placed.height + 2 * margin;
  // Healthy lines first, so that sick ones lie on top.
  const order = [...drawn.edges].sort(
    (a, b) => Number(a.health === 'critical') - Number(b.health === 'critical'),
  );
  return (
    <div class="graph-frame" role="region" aria-label="Service map; the same as a list below" tabIndex={0}>
      <svg
        class="graph"
        viewBox={`${-margin} ${-margin} ${width} ${height}`}
        width={width}
        height={height}
        role="group"
        aria-label={`Service map with ${plural(drawn.nodes.length, 'box', 'boxes')} and ${plural(drawn.edges.length, 'line')}`}
      >
        <defs>
          {['ok', 'warning', 'critical', 'idle'].map(level => (
            <Arrow key={level} level={level} />
          ))}
        </defs>
        {order.map(edge => {
          const path = placed.edges.get(edgeKey(edge.from, edge.to));
          return (
            path && <EdgeLine key={edgeKey(edge.from, edge.to)} edge={edge} path={path} busiest={busiest} />
          );
        })}
        {drawn.nodes.map(node => {
          const at = placed.nodes.get(node.id);
          return (
            at && (
              <NodeBox
                key={node.id}
                node={node}
                at={at}
                dim={anySick && !node.sick && !touched.has(node.id)}
                focus={node.id === focus}
              />
            )
          );
        })}
      </svg>
    </div>
  );
};

export const Legend = () => (
  <p class="graph-legend muted small">
    <span>Line width: requests per second.</span>
    {(['ok', 'warning', 'critical', 'idle'] as const).map(level => (
      <span key={level} class="legend">
        <svg width="26" height="8" aria-hidden="true">
          <line x1="0" x2="26" y1="4" y2="4" class={`edge edge-${level}`} stroke-width="2.5" />
        </svg>
        {text.health[level]}
      </span>
    ))}
    <span>In a box: requests · failing · p99.</span>
  </p>
);
