import { test } from 'node:test';
import assert from 'node:assert/strict';
import { edgeKey, layout, type LayoutEdge } from '../../../web/ui/src/graph/layout.ts';

const spacing = { nodeWidth: 100, nodeHeight: 40, gapX: 50, gapY: 20 };
const chain = (text: string): LayoutEdge[] =>
  text.split(' ').map(pair => ({ from: pair[0] ?? '', to: pair[1] ?? '' }));

const randomGraph = (seed: number, nodes: number, edges: number) => {
  let state = seed;
  const random = (): number => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const ids = Array.from({ length: nodes }, (_, i) => `n${i}`);
  const pick = (): string => ids[Math.floor(random() * nodes)] ?? '';
  return {
    ids,
    edges: Array.from({ length: edges }, () => ({ from: pick(), to: pick() })),
  };
};

test('callers stand left of callees', () => {
  const { nodes } = layout(['a', 'b', 'c', 'd'], chain('ab bc ac cd'), spacing);
  const x = ['a', 'b', 'c', 'd'].map(id => nodes.get(id)?.x ?? NaN);
  assert.deepEqual(x, [0, 150, 300, 450]);
});

test('the picture does not depend on the order of its input', () => {
  const { ids, edges } = randomGraph(7, 30, 60);
  const one = layout(ids, edges, spacing);
  const two = layout([...ids].reverse(), [...edges].reverse(), spacing);
  assert.deepEqual([...one.nodes].sort(), [...two.nodes].sort());
});

test('boxes never overlap and every edge has a path, in random graphs with cycles', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { ids, edges } = randomGraph(seed, 2 + (seed % 40), seed * 2);
    const { nodes, edges: paths, width, height } = layout(ids, edges, spacing);
    assert.equal(nodes.size, ids.length);
    const placed = [...nodes.values()];
    placed.forEach((a, i) => {
      assert.ok(
        a.x >= 0 && a.y >= -1e-6 && a.x + 100 <= width + 1e-6 && a.y + 40 <= height + 1e-6,
        `seed ${seed}`,
      );
      for (const b of placed.slice(i + 1)) {
        assert.ok(a.x !== b.x || Math.abs(a.y - b.y) >= 40, `seed ${seed}: boxes overlap`);
      }
    });
    for (const { from, to } of edges)
      if (from !== to) assert.ok(paths.get(edgeKey(from, to)), `seed ${seed}: ${from}>${to}`);
  }
});

test('two services that call each other, one that calls itself, one alone, and none', () => {
  assert.equal(layout(['a', 'b'], chain('ab ba'), spacing).edges.size, 2);
  assert.equal(layout(['a'], chain('aa'), spacing).nodes.size, 1);
  assert.equal(layout(['a', 'b'], [], spacing).width, 100);
  assert.deepEqual(layout([], [], spacing).height, 0);
  assert.equal(layout(['a'], chain('ax xa'), spacing).edges.size, 0);
});

test('a chain of ten thousand does not exhaust the stack', () => {
  const ids = Array.from({ length: 10000 }, (_, i) => `n${String(i).padStart(5, '0')}`);
  const edges = ids.slice(1).map((to, i) => ({ from: ids[i] ?? '', to }));
  assert.equal(layout(ids, edges, spacing).nodes.size, 10000);
});

test('a line runs around the boxes of the layers that it passes', () => {
  const { nodes, edges } = layout(['a', 'b', 'c'], chain('ab bc ac'), spacing);
  const b = nodes.get('b');
  const path = edges.get(edgeKey('a', 'c')) ?? [];
  const inside = path.filter(p => p.x >= 150 && p.x <= 250 && b && p.y > b.y && p.y < b.y + 40);
  assert.equal(inside.length, 0);
});
