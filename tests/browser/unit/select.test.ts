import { test } from 'node:test';
import assert from 'node:assert/strict';
import { edgeWidth, readable, drawable, select } from '../../../web/ui/src/graph/select.ts';
import type { Edge, Golden, Graph, GraphNode, Health } from '../../../web/ui/src/api/types.ts';

const golden = (rate: number): Golden => ({
  requests: rate,
  request_rate: rate,
  errors: 0,
  error_ratio: 0,
  latency: null,
});
const node = (id: string, health: Health = 'ok', rate = 1): GraphNode => ({
  id,
  health,
  incident: null,
  golden: golden(rate),
});
const edge = (caller: string, callee: string, health: Health = 'ok'): Edge => ({
  id: `${caller}>${callee}`,
  caller,
  callee,
  protocols: [],
  golden: golden(1),
  client_latency: null,
  health,
});
const graph = (nodes: GraphNode[], edges: Edge[]): Graph => ({
  nodes,
  edges,
  truncated: false,
  range: { start_ms: 0, end_ms: 1 },
});

/** A chain of `size` services, the one at `sick` broken. */
const chain = (size: number, sick = -1): Graph => {
  const nodes = Array.from({ length: size }, (_, i) =>
    node(`ns${i % 12}/s${i}`, i === sick ? 'critical' : 'ok', i),
  );
  return graph(
    nodes,
    nodes.slice(1).map((to, i) => edge(nodes[i]?.id ?? '', to.id, i + 1 === sick ? 'critical' : 'ok')),
  );
};

test('a small mesh is drawn whole', () => {
  const drawn = select(chain(readable, 5), 'sick');
  assert.equal(drawn.nodes.length, readable);
  assert.deepEqual(drawn.groups, []);
});

test('a large mesh shows the sick service with one hop, and counts the rest', () => {
  const drawn = select(chain(500, 100), 'sick');
  assert.deepEqual(drawn.nodes.map(n => n.id).sort(), ['ns3/s99', 'ns4/s100', 'ns5/s101']);
  assert.equal(
    drawn.groups.reduce((sum, group) => sum + group.services, 0),
    497,
  );
  assert.ok(drawn.groups.length <= 9);
});

test('a large healthy mesh shows its busiest services', () => {
  const drawn = select(chain(500), 'sick');
  assert.ok(drawn.nodes.length <= readable && drawn.nodes.some(n => n.id === 'ns7/s499'));
});

test('nothing makes the map draw more than its bound', () => {
  assert.ok(select(chain(5000, 3), 'all').nodes.length <= drawable);
  const plague = graph(
    Array.from({ length: 900 }, (_, i) => node(`s${i}`, 'critical')),
    [],
  );
  const drawn = select(plague, 'sick');
  assert.equal(drawn.nodes.length, readable);
  assert.equal(drawn.groups[0]?.sick, 860);
});

test('a focus shows its neighbours alone', () => {
  const drawn = select(chain(30, 5), 'sick', 'ns8/s20');
  assert.deepEqual(drawn.nodes.map(n => n.id).sort(), ['ns7/s19', 'ns8/s20', 'ns9/s21']);
});

test('edges to services that are not drawn are left out', () => {
  const drawn = select(chain(500, 100), 'sick');
  assert.equal(drawn.edges.length, 2);
});

test('line width grows with the rate and stays within bounds', () => {
  assert.equal(edgeWidth(0, 100), 1);
  assert.equal(edgeWidth(NaN, 100), 1);
  assert.equal(edgeWidth(100, 100), 5);
  assert.ok(edgeWidth(10, 100) < 5 && edgeWidth(1e-9, 100) >= 1);
});
