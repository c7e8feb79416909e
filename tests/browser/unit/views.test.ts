import { test } from 'node:test';
import assert from 'node:assert/strict';
import { waterfall } from '../../../web/ui/src/views/waterfall.ts';
import { column, csv, grid, sparkPath } from '../../../web/ui/src/charts/data.ts';
import type { Point, Series, Span } from '../../../web/ui/src/api/types.ts';

const span = (span_id: string, parent: string | null, start: bigint, length: bigint): Span => ({
  span_id,
  parent_span_id: parent,
  name: span_id,
  kind: 'server',
  service: 's',
  start_ns: String(1661258870000000000n + start),
  duration_ns: String(length),
  status: 'unset',
});

test('spans stand under their parents in order of time, to the nanosecond', () => {
  const { rows, duration_s } = waterfall([
    span('c', 'a', 20n, 5n),
    span('a', null, 0n, 100n),
    span('b', 'a', 1n, 10n),
    span('d', 'b', 2n, 3n),
  ]);
  assert.deepEqual(
    rows.map(row => [row.span.span_id, row.depth, Math.round(row.start_s * 1e9)]),
    [
      ['a', 0, 0],
      ['b', 1, 1],
      ['d', 2, 2],
      ['c', 1, 20],
    ],
  );
  assert.equal(Math.round(duration_s * 1e9), 100);
});

test('orphans, cycles, doubled ids and unreadable numbers are shown, each once', () => {
  const broken = {
    ...span('x', null, 0n, 0n),
    start_ns: 'soon',
    duration_ns: '-5',
  };
  const { rows } = waterfall([
    span('a', 'gone', 0n, 5n),
    span('b', 'c', 0n, 5n),
    span('c', 'b', 0n, 5n),
    span('e', 'e', 0n, 1n),
    broken,
  ]);
  assert.equal(rows.length, 5);
  assert.equal(rows.find(row => row.span.span_id === 'a')?.orphan, true);
  assert.ok(rows.every(row => Number.isFinite(row.start_s) && row.duration_s >= 0));
  assert.deepEqual(waterfall([]), { rows: [], duration_s: 0 });
});

test('the critical path follows the child that ended last', () => {
  const { rows } = waterfall([
    span('root', null, 0n, 100n),
    span('short', 'root', 0n, 10n),
    span('long', 'root', 5n, 90n),
    span('tail', 'long', 50n, 45n),
  ]);
  const critical = rows.filter(row => row.critical).map(row => row.span.span_id);
  assert.deepEqual(critical.sort(), ['long', 'root', 'tail']);
});

test('a deep trace does not exhaust the stack', () => {
  const spans = Array.from({ length: 20000 }, (_, i) =>
    span(`s${i}`, i ? `s${i - 1}` : null, BigInt(i), 50000n),
  );
  assert.equal(waterfall(spans).rows.length, 20000);
});

const point = (time_ms: number, rate: number | null): Point => ({
  time_ms,
  requests: 1,
  request_rate: rate,
  errors: 0,
  error_ratio: null,
  p50_s: null,
  p90_s: null,
  p99_s: null,
  mean_s: null,
  retries: 0,
});

const series = (points: Point[]): Series => ({
  step_s: 10,
  range: { start_ms: 0, end_ms: 1e6 },
  points,
  gauges: {},
  bands: { error_ratio: null, latency: null, request_rate: null },
  incidents: [],
  exemplars: [],
});

test('a missing bucket breaks the line once', () => {
  const data = grid(series([point(50000, 3), point(0, 1), point(10000, 2)]));
  assert.deepEqual(data.times_ms, [0, 10000, 20000, 50000]);
  assert.deepEqual(column(data, 'request_rate'), [1, 2, null, 3]);
});

test('the table of values has a row per point and nothing for what is unknown', () => {
  assert.equal(csv(series([point(0, 1)])).split('\n')[1], '0,1,1,0,,,,,,0');
});

test('trend lines survive gaps, constants and emptiness', () => {
  assert.equal(sparkPath([], 10, 10), '');
  assert.equal(sparkPath([null, 1, null], 10, 10), '');
  assert.doesNotMatch(sparkPath([0, 0, null, 0], 10, 10), /NaN/);
  assert.equal(sparkPath([0, 1, null, 1, 0], 10, 10).match(/M/g)?.length, 2);
});
