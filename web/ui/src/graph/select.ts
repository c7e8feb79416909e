/** What the map draws. Never everything: the sick services with one hop around them, the rest in groups. */
import type { Edge, Graph, GraphNode, Health } from '../api/types.ts';

export interface DrawnNode {
  id: string;
  /** Set for a group: how many services it stands for. */
  members: string[] | null;
  label: string;
  health: Health;
  sick: boolean;
  node: GraphNode | null;
}

export interface DrawnEdge {
  from: string;
  to: string;
  rate: number;
  health: Health;
  edge: Edge | null;
  /** How many edges this line stands for. */
  count: number;
}

export interface Drawn {
  nodes: DrawnNode[];
  edges: DrawnEdge[];
  hidden: number;
}

export type Show = 'sick' | 'all';

/** More boxes than this cannot be read on one screen. */
export const readable = 40;
/** With "all" chosen by hand, still a bound: beyond it the browser would stall and nobody could read it. */
export const drawable = 150;
const mostGroups = 6;

const rank: Record<Health, number> = { critical: 3, warning: 2, ok: 1, idle: 0 };
export const worse = (a: Health, b: Health): Health => (rank[b] > rank[a] ? b : a);

export const isSick = (item: { health: Health; incident?: unknown }): boolean =>
  item.health === 'critical' || item.health === 'warning' || (item.incident ?? null) !== null;

const rateOf = (item: GraphNode | Edge): number => item.golden?.request_rate ?? 0;

const namespaceOf = (id: string): string => {
  const bare = id.split('@')[0] ?? id;
  const slash = bare.indexOf('/');
  return slash > 0 ? bare.slice(0, slash) : '';
};

/** Nodes by how much they deserve a place: sick ones, their neighbours, then the busiest. */
const byInterest = (graph: Graph, focus: string | null): { order: GraphNode[]; core: number } => {
  const sick = new Set(graph.nodes.filter(isSick).map(node => node.id));
  for (const edge of graph.edges) if (isSick(edge)) sick.add(edge.callee);
  const centre = focus !== null ? new Set([focus]) : sick;
  const near = new Set(centre);
  for (const edge of graph.edges) {
    if (centre.has(edge.caller)) near.add(edge.callee);
    if (centre.has(edge.callee)) near.add(edge.caller);
  }
  const score = (node: GraphNode): number =>
    (node.id === focus ? 8 : 0) + (centre.has(node.id) ? 4 : 0) + (near.has(node.id) ? 2 : 0);
  const order = [...graph.nodes].sort(
    (a, b) =>
      score(b) - score(a) ||
      rank[b.health] - rank[a.health] ||
      rateOf(b) - rateOf(a) ||
      (a.id < b.id ? -1 : 1),
  );
  return { order, core: order.filter(node => score(node) > 0).length };
};

const groupsOf = (rest: GraphNode[]): Map<string, string> => {
  const sizes = new Map<string, number>();
  for (const node of rest) sizes.set(namespaceOf(node.id), (sizes.get(namespaceOf(node.id)) ?? 0) + 1);
  const largest = [...sizes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, mostGroups);
  const own = new Set(sizes.size > 1 ? largest.map(([name]) => name) : []);
  return new Map(rest.map(node => [node.id, own.has(namespaceOf(node.id)) ? namespaceOf(node.id) : '']));
};

export const select = (graph: Graph, show: Show, focus: string | null = null): Drawn => {
  const { order, core } = byInterest(graph, focus);
  const limit = show === 'all' ? drawable : readable;
  const few =
    graph.nodes.length <= limit && focus === null && (show === 'all' || graph.nodes.length <= readable);
  const shown = few
    ? order
    : order.slice(0, core > 0 ? Math.min(core, limit) : Math.min(order.length, limit - 10));
  const rest = order.slice(shown.length);

  const nodes: DrawnNode[] = shown.map(node => ({
    id: node.id,
    members: null,
    label: node.id,
    health: node.health,
    sick: isSick(node),
    node,
  }));
  const groupOf = groupsOf(rest);
  const place = new Map<string, string>(shown.map(node => [node.id, node.id]));
  const groups = new Map<string, DrawnNode>();
  for (const node of focus === null ? rest : []) {
    const namespace = groupOf.get(node.id) ?? '';
    const id = `\u0001group:${namespace}`;
    const group = groups.get(id) ?? {
      id,
      members: [],
      label: namespace,
      health: 'idle',
      sick: false,
      node: null,
    };
    group.members?.push(node.id);
    group.health = worse(group.health, node.health);
    group.sick ||= isSick(node);
    groups.set(id, group);
    place.set(node.id, id);
  }
  return { nodes: [...nodes, ...groups.values()], edges: bundle(graph.edges, place), hidden: rest.length };
};

/** One line per pair of drawn boxes. */
const bundle = (edges: Edge[], place: Map<string, string>): DrawnEdge[] => {
  const lines = new Map<string, DrawnEdge>();
  for (const edge of edges) {
    const from = place.get(edge.caller);
    const to = place.get(edge.callee);
    if (from === undefined || to === undefined || (from === to && edge.caller !== edge.callee)) continue;
    const key = `${from}\u0000${to}`;
    const line = lines.get(key);
    if (!line) lines.set(key, { from, to, rate: rateOf(edge), health: edge.health, edge, count: 1 });
    else {
      line.rate += rateOf(edge);
      line.health = worse(line.health, edge.health);
      line.edge = null;
      line.count++;
    }
  }
  return [...lines.values()];
};

/** Line width from the rate: a hundredfold rate is three times as wide. */
export const edgeWidth = (rate: number, busiest: number): number => {
  if (!(rate > 0) || !(busiest > 0)) return 1;
  return 1 + 4 * Math.max(0, 1 + Math.log10(rate / busiest) / 3);
};
