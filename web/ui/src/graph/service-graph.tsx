/** The map as SVG: boxes are services, lines are calls. Width is rate; colour, dash and glyph are health. */
import { useMemo } from 'preact/hooks';
import type { Edge, Golden, Graph, GraphNode } from '../api/types.ts';
import { duration, percent, plural, rate } from '../format.ts';
import { Glyph, GlyphAt, levelOf } from '../parts/health.tsx';
import { edgeHref, href, serviceHref } from '../state/router.ts';
import { text } from '../strings.ts';
import { edgeKey, layout, type Placed } from './layout.ts';
import { edgeWidth, isSick, select, type Group, type Show } from './select.ts';

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

export const shortName = (id: string): string => {
  const bare = id.replace(/@[^@]*$/, '');
  return bare.slice(bare.indexOf('/') + 1) || id;
};

const clip = (name: string, length: number): string =>
  name.length > length ? `${name.slice(0, length - 9)}…${name.slice(-8)}` : name;

const numbersOf = (golden: Golden): string =>
  `${rate(golden.request_rate)} · ${percent(golden.error_ratio)} · ${duration(golden.latency?.p99_s)}`;

const edgeWords = (edge: Edge): string =>
  `${edge.caller} calls ${edge.callee}: ${rate(edge.golden.request_rate)}, ${percent(edge.golden.error_ratio)} failing, ` +
  `p99 ${duration(edge.golden.latency?.p99_s)}, ${text.health[levelOf(edge.health)]}`;

const EdgeLine = ({ edge, path, busiest }: { edge: Edge; path: Placed[]; busiest: number }) => {
  const level = levelOf(edge.health);
  const d = curve(path);
  const width = edgeWidth(edge.golden.request_rate ?? 0, busiest).toFixed(1);
  return (
    <a href={edgeHref(edge.id)} aria-label={edgeWords(edge)} class="edge-link" tabIndex={-1}>
      <title>{edgeWords(edge)}</title>
      <path d={d} class="edge-hit" />
      <path d={d} class={`edge edge-${level}`} stroke-width={width} marker-end={`url(#arrow-${level})`} />
    </a>
  );
};

const NodeBox = ({ node, at, dim, focus }: { node: GraphNode; at: Placed; dim: boolean; focus: boolean }) => {
  const level = levelOf(node.health);
  const numbers = numbersOf(node.golden);
  const words = `${node.id}: ${text.health[level]}, ${numbers}`;
  return (
    <a
      href={serviceHref(node.id)}
      class={`node node-${level} ${dim ? 'node-dim' : ''} ${focus ? 'node-focus' : ''}`}
      aria-label={words}
      data-nav
    >
      <title>{words}</title>
      <rect x={at.x} y={at.y} width={spacing.nodeWidth} height={spacing.nodeHeight} rx="7" />
      <GlyphAt level={level} x={at.x + 9} y={at.y + 8} size={14} />
      <text x={at.x + 29} y={at.y + 19} class="node-name">
        {clip(shortName(node.id), 15)}
      </text>
      <text x={at.x + 10} y={at.y + 37} class="node-numbers">
        {numbers}
      </text>
    </a>
  );
};

/** What the map leaves out, by namespace: "+65 healthy". */
const Groups = ({ groups }: { groups: Group[] }) =>
  groups.length === 0 ? null : (
    <p class="groups">
      {groups.map(group => (
        <a key={group.namespace} href={href('/services', { search: group.namespace })} class="chip" data-nav>
          <Glyph level={group.sick > 0 ? 'warning' : 'ok'} size={12} /> +{group.services - group.sick} healthy
          {group.sick > 0 && `, ${group.sick} not`}{' '}
          <span class="muted">{group.namespace || 'elsewhere'}</span>
        </a>
      ))}
    </p>
  );

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

const isIll = (edge: Edge): boolean => edge.health === 'critical' || edge.health === 'warning';

/** The map never shrinks its text below this share of its natural size; it scrolls instead. */
const leastScale = 0.72;

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
  const ids = drawn.nodes.map(node => node.id).sort();
  // Positions depend on the topology alone, so that the map stands still while numbers change.
  const shape = `${ids.join('\n')}\n\n${drawn.edges
    .map(edge => edge.id)
    .sort()
    .join('\n')}`;
  const placed = useMemo(
    () =>
      layout(
        ids,
        drawn.edges.map(edge => ({ from: edge.caller, to: edge.callee })),
        spacing,
      ),
    [shape],
  );
  const busiest = drawn.edges.reduce((most, edge) => Math.max(most, edge.golden.request_rate ?? 0), 0);
  const ill = drawn.edges.filter(isIll);
  const touched = new Set(ill.flatMap(edge => [edge.caller, edge.callee]));
  const anySick = ill.length > 0 || drawn.nodes.some(isSick);
  const width = placed.width + 2 * margin;
  const height = placed.height + 2 * margin;
  // Healthy lines first, so that sick ones lie on top.
  const order = [...drawn.edges].sort((a, b) => Number(isIll(a)) - Number(isIll(b)));
  return (
    <>
      <div class="graph-frame" role="region" aria-label="Service map" tabIndex={0}>
        <svg
          class="graph"
          viewBox={`${-margin} ${-margin} ${width} ${height}`}
          width={width}
          height={height}
          style={{ minWidth: `${Math.round(width * leastScale)}px` }}
          role="group"
          aria-label={`Service map with ${plural(drawn.nodes.length, 'service')} and ${plural(drawn.edges.length, 'call')}`}
        >
          <defs>
            {['ok', 'warning', 'critical', 'idle'].map(level => (
              <Arrow key={level} level={level} />
            ))}
          </defs>
          {order.map(edge => {
            const path = placed.edges.get(edgeKey(edge.caller, edge.callee));
            return path && <EdgeLine key={edge.id} edge={edge} path={path} busiest={busiest} />;
          })}
          {drawn.nodes.map(node => {
            const at = placed.nodes.get(node.id);
            const dim = anySick && !isSick(node) && !touched.has(node.id);
            return at && <NodeBox key={node.id} node={node} at={at} dim={dim} focus={node.id === focus} />;
          })}
        </svg>
      </div>
      <Groups groups={drawn.groups} />
    </>
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
