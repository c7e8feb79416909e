/**
 * Layered layout of a call graph, after Sugiyama: callers left, callees right.
 *
 *   1. cycles are broken by turning around the edges that a depth-first walk finds leading back;
 *   2. a node's layer is the longest path that leads to it;
 *   3. edges over several layers get a bend point in each, so that they run around boxes, not through them;
 *   4. crossings are reduced by sweeping: each layer is sorted by the mean position of its neighbours;
 *   5. rows are placed near their neighbours' mean without overlapping.
 *
 * Deterministic: the same nodes and edges give the same picture, whatever order they came in, so the map
 * stands still between refreshes.
 */
export interface LayoutEdge {
  from: string;
  to: string;
}

export interface Placed {
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  nodes: Map<string, Placed>;
  /** Bend points by `from\u0000to`, from box to box. */
  edges: Map<string, Placed[]>;
}

export interface Spacing {
  nodeWidth: number;
  nodeHeight: number;
  gapX: number;
  gapY: number;
}

export const edgeKey = (from: string, to: string): string => `${from}\u0000${to}`;

interface Item {
  id: string;
  layer: number;
  real: boolean;
  y: number;
  before: Item[];
  after: Item[];
}

const sweeps = 12;
const placements = 8;

/** Successor lists with cycles broken and doubles removed. */
const acyclic = (ids: string[], edges: LayoutEdge[]): Map<string, string[]> => {
  const raw = new Map<string, Set<string>>(ids.map(id => [id, new Set<string>()]));
  const indegree = new Map<string, number>(ids.map(id => [id, 0]));
  for (const { from, to } of edges) {
    if (from === to || !raw.has(from) || !raw.has(to) || raw.get(from)?.has(to)) continue;
    raw.get(from)?.add(to);
    indegree.set(to, (indegree.get(to) ?? 0) + 1);
  }
  const next = new Map<string, Set<string>>(ids.map(id => [id, new Set<string>()]));
  const state = new Map<string, 'open' | 'done'>();
  const visit = (root: string): void => {
    // An explicit stack: a chain of thousands of services must not exhaust the call stack.
    const stack: { id: string; rest: string[] }[] = [
      { id: root, rest: [...(raw.get(root) ?? [])].sort().reverse() },
    ];
    state.set(root, 'open');
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (!top) break;
      const to = top.rest.pop();
      if (to === undefined) {
        state.set(top.id, 'done');
        stack.pop();
      } else if (state.get(to) === 'open') {
        next.get(to)?.add(top.id); // leads back: turned around
      } else {
        next.get(top.id)?.add(to);
        if (!state.has(to)) {
          state.set(to, 'open');
          stack.push({ id: to, rest: [...(raw.get(to) ?? [])].sort().reverse() });
        }
      }
    }
  };
  // Entry points first, so that cycles are cut where they return to the entry.
  const order = [...ids].sort((a, b) => (indegree.get(a) ?? 0) - (indegree.get(b) ?? 0) || (a < b ? -1 : 1));
  for (const id of order) if (!state.has(id)) visit(id);
  return new Map([...next].map(([id, set]) => [id, [...set].sort()]));
};

/** Longest path from any source; nodes with nothing before them move next to their first callee. */
const layersOf = (ids: string[], next: Map<string, string[]>): Map<string, number> => {
  const waiting = new Map<string, number>(ids.map(id => [id, 0]));
  for (const targets of next.values()) for (const to of targets) waiting.set(to, (waiting.get(to) ?? 0) + 1);
  const sources = ids.filter(id => waiting.get(id) === 0);
  const layer = new Map<string, number>(ids.map(id => [id, 0]));
  const ready = [...sources];
  for (let i = 0; i < ready.length; i++) {
    const id = ready[i] ?? '';
    for (const to of next.get(id) ?? []) {
      layer.set(to, Math.max(layer.get(to) ?? 0, (layer.get(id) ?? 0) + 1));
      const left = (waiting.get(to) ?? 0) - 1;
      waiting.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  for (const id of sources) {
    const targets = next.get(id) ?? [];
    if (targets.length > 0) layer.set(id, Math.min(...targets.map(to => layer.get(to) ?? 1)) - 1);
  }
  return layer;
};

const mean = (items: Item[], of: (item: Item) => number): number | null =>
  items.length === 0 ? null : items.reduce((sum, item) => sum + of(item), 0) / items.length;

const link = (a: Item, b: Item): void => {
  a.after.push(b);
  b.before.push(a);
};

/** Real nodes and bend points, per layer. */
const buildLayers = (ids: string[], next: Map<string, string[]>, layer: Map<string, number>) => {
  const items = new Map<string, Item>();
  const layers: Item[][] = [];
  const chains = new Map<string, Item[]>();
  const put = (id: string, at: number, real: boolean): Item => {
    const item: Item = { id, layer: at, real, y: 0, before: [], after: [] };
    while (layers.length <= at) layers.push([]);
    layers[at]?.push(item);
    return item;
  };
  for (const id of ids) items.set(id, put(id, layer.get(id) ?? 0, true));
  for (const from of ids) {
    for (const to of next.get(from) ?? []) {
      const a = items.get(from);
      const b = items.get(to);
      if (!a || !b) continue;
      const chain = [a];
      for (let at = a.layer + 1; at < b.layer; at++) chain.push(put(edgeKey(from, to), at, false));
      chain.push(b);
      chain.forEach((item, i) => i > 0 && link(chain[i - 1] as Item, item));
      chains.set(edgeKey(from, to), chain);
    }
  }
  return { layers, chains };
};

const sortBy = (layer: Item[], side: (item: Item) => Item[], rank: Map<Item, number>): void => {
  const wish = new Map(
    layer.map(item => [item, mean(side(item), n => rank.get(n) ?? 0) ?? rank.get(item) ?? 0]),
  );
  layer.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  layer.forEach((item, i) => rank.set(item, i));
};

const crossingsBetween = (layer: Item[], rank: Map<Item, number>): number => {
  const lines: [number, number][] = [];
  for (const a of layer) for (const b of a.after) lines.push([rank.get(a) ?? 0, rank.get(b) ?? 0]);
  let crossings = 0;
  for (let i = 0; i < lines.length; i++) {
    for (let j = i + 1; j < lines.length; j++) {
      const [a1 = 0, b1 = 0] = lines[i] ?? [];
      const [a2 = 0, b2 = 0] = lines[j] ?? [];
      if ((a1 - a2) * (b1 - b2) < 0) crossings++;
    }
  }
  return crossings;
};

const reduceCrossings = (layers: Item[][]): void => {
  const rank = new Map<Item, number>();
  for (const layer of layers) layer.forEach((item, i) => rank.set(item, i));
  const count = (): number => layers.reduce((sum, layer) => sum + crossingsBetween(layer, rank), 0);
  let best = layers.map(layer => [...layer]);
  let fewest = count();
  for (let sweep = 0; sweep < sweeps && fewest > 0; sweep++) {
    if (sweep % 2 === 0) layers.slice(1).forEach(layer => sortBy(layer, item => item.before, rank));
    else [...layers.slice(0, -1)].reverse().forEach(layer => sortBy(layer, item => item.after, rank));
    const now = count();
    if (now < fewest) {
      fewest = now;
      best = layers.map(layer => [...layer]);
    }
  }
  best.forEach((layer, i) => (layers[i] = layer));
};

/** Moves rows towards their neighbours while keeping order and distance. */
const placeRows = (layers: Item[][], pitch: (a: Item, b: Item) => number): void => {
  for (const layer of layers) {
    let y = 0;
    layer.forEach((item, i) => {
      if (i > 0) y += pitch(layer[i - 1] as Item, item);
      item.y = y;
    });
  }
  for (let round = 0; round < placements; round++) {
    const ordered = round % 2 === 0 ? layers : [...layers].reverse();
    for (const layer of ordered)
      settle(layer, pitch, round % 2 === 0 ? item => item.before : item => item.after);
  }
};

/** Isotonic regression (pool adjacent violators): the least-squares row positions that keep the distances. */
const settle = (layer: Item[], pitch: (a: Item, b: Item) => number, side: (item: Item) => Item[]): void => {
  const offsets: number[] = [];
  layer.forEach((item, i) =>
    offsets.push(i === 0 ? 0 : (offsets[i - 1] ?? 0) + pitch(layer[i - 1] as Item, item)),
  );
  const blocks: { sum: number; size: number }[] = [];
  layer.forEach((item, i) => {
    const wish = mean(side(item), n => n.y) ?? mean([...item.before, ...item.after], n => n.y) ?? item.y;
    blocks.push({ sum: wish - (offsets[i] ?? 0), size: 1 });
    for (;;) {
      const last = blocks[blocks.length - 1];
      const previous = blocks[blocks.length - 2];
      if (!last || !previous || previous.sum / previous.size <= last.sum / last.size) break;
      blocks.splice(-2, 2, { sum: previous.sum + last.sum, size: previous.size + last.size });
    }
  });
  let i = 0;
  for (const block of blocks) {
    for (let n = 0; n < block.size; n++, i++) {
      const item = layer[i];
      if (item) item.y = block.sum / block.size + (offsets[i] ?? 0);
    }
  }
};

export const layout = (nodeIds: string[], edges: LayoutEdge[], spacing: Spacing): Layout => {
  const ids = [...new Set(nodeIds)].sort();
  const next = acyclic(ids, edges);
  const { layers, chains } = buildLayers(ids, next, layersOf(ids, next));
  reduceCrossings(layers);
  const { nodeWidth, nodeHeight, gapX, gapY } = spacing;
  placeRows(layers, (a, b) =>
    a.real || b.real
      ? (nodeHeight + (a.real && b.real ? nodeHeight : 0)) / (a.real && b.real ? 2 : 1.6) + gapY
      : gapY * 1.5,
  );

  const all = layers.flat();
  const top = Math.min(0, ...all.map(item => item.y));
  const x = (at: number): number => at * (nodeWidth + gapX);
  const nodes = new Map<string, Placed>();
  for (const item of all) if (item.real) nodes.set(item.id, { x: x(item.layer), y: item.y - top });
  const paths = new Map<string, Placed[]>();
  for (const [key, chain] of chains) {
    // A bend point crosses its column straight, so that the line cannot cut the boxes above and below it.
    const points = chain.flatMap((item, i) => {
      const y = item.y - top + nodeHeight / 2;
      const left = { x: x(item.layer), y };
      const right = { x: x(item.layer) + nodeWidth, y };
      return i === 0 ? [right] : i === chain.length - 1 ? [left] : [left, right];
    });
    paths.set(key, points);
    const [from = '', to = ''] = key.split('\u0000');
    // The same line, walked the other way, for an edge that was turned around to break a cycle.
    if (!paths.has(edgeKey(to, from))) paths.set(edgeKey(to, from), [...points].reverse());
  }
  const bottom = Math.max(0, ...all.map(item => item.y - top));
  return {
    width: Math.max(0, layers.length * (nodeWidth + gapX) - gapX),
    height: ids.length === 0 ? 0 : bottom + nodeHeight,
    nodes,
    edges: paths,
  };
};
