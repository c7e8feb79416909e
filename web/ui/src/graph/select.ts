/** What the map draws. Never everything: the sick services with one hop around them, the rest in groups. */
import type { Edge, Graph, GraphNode, Health } from '../api/types.ts';

export interface Group {
  /** Namespace, or '' for the rest. */
  namespace: string;
  services: number;
  sick: number;
}

export interface Drawn {
  nodes: GraphNode[];
  edges: Edge[];
  /** What is not drawn, told as "+412 healthy". */
  groups: Group[];
}

export type Show = 'sick' | 'all';

/** More boxes than this cannot be read on one screen. */
export const readable = 40;
/** With "all" chosen by hand, still a bound: beyond it the browser would stall and nobody could read it. */
export const drawable = 150;
const mostGroups = 8;

const rank: Record<Health, number> = { critical: 3, warning: 2, ok: 1, idle: 0 };

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

const groupsOf = (rest: GraphNode[]): Group[] => {
  const groups = new Map<string, Group>();
  for (const node of rest) {
    const namespace = namespaceOf(node.id);
    const group = groups.get(namespace) ?? { namespace, services: 0, sick: 0 };
    group.services++;
    if (isSick(node)) group.sick++;
    groups.set(namespace, group);
  }
  const sorted = [...groups.values()].sort(
    (a, b) => b.sick - a.sick || b.services - a.services || (a.namespace < b.namespace ? -1 : 1),
  );
  const small = sorted.splice(mostGroups);
  if (small.length > 0) {
    const sum = (of: (group: Group) => number): number =>
      small.reduce((total, group) => total + of(group), 0);
    sorted.push({ namespace: '', services: sum(group => group.services), sick: sum(group => group.sick) });
  }
  return sorted;
};

export const select = (graph: Graph, show: Show, focus: string | null = null): Drawn => {
  const { order, core } = byInterest(graph, focus);
  const limit = show === 'all' ? drawable : readable;
  const everything = focus === null && graph.nodes.length <= limit;
  // Nothing is sick: the busiest, fewer than would fit, so that there is air around them.
  const worth =
    core > 0 && show === 'sick'
      ? Math.min(core, limit)
      : Math.min(order.length, show === 'all' ? limit : limit - 10);
  const nodes = everything ? order : order.slice(0, worth);
  const drawn = new Set(nodes.map(node => node.id));
  return {
    nodes,
    edges: graph.edges.filter(edge => drawn.has(edge.caller) && drawn.has(edge.callee)),
    groups: focus === null ? groupsOf(order.slice(nodes.length)) : [],
  };
};

/** Line width from the rate: a hundredfold rate is three times as wide. */
export const edgeWidth = (rate: number, busiest: number): number => {
  if (!(rate > 0) || !(busiest > 0)) return 1;
  return 1 + 4 * Math.max(0, 1 + Math.log10(rate / busiest) / 3);
};
