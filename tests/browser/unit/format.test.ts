import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as f from '../../../web/ui/src/format.ts';

const hopeless = [NaN, Infinity, -Infinity, null, undefined];

test('what is not known is a dash and never NaN', () => {
  const all = [
    f.count,
    f.exact,
    f.rate,
    f.percent,
    f.duration,
    f.longDuration,
    f.bytes,
    f.moment,
    f.clock,
    f.dayClock,
  ];
  for (const format of all) for (const value of hopeless) assert.equal(format(value), f.unknown);
  for (const value of hopeless) {
    assert.equal(f.gauge('cpu.utilization', value), f.unknown);
    assert.equal(f.signalValue('latency', value), f.unknown);
    assert.equal(f.times(value, value), '');
  }
});

test('rates take the unit in which a person would say them', () => {
  assert.equal(f.rate(0), '0/s');
  assert.equal(f.rate(1234), '1.23k/s');
  assert.equal(f.rate(999.96), '1k/s');
  assert.equal(f.rate(1e6), '1M/s');
  assert.equal(f.rate(12.34), '12.3/s');
  assert.equal(f.rate(0.5), '30/min');
  assert.equal(f.rate(1 / 360), '10/h');
});

test('a share that is not zero is never shown as zero, nor one below one as all', () => {
  assert.equal(f.percent(0), '0 %');
  assert.equal(f.percent(0.003), '0.3 %');
  assert.equal(f.percent(0.0000001), '< 0.01 %');
  assert.equal(f.percent(1), '100 %');
  assert.equal(f.percent(0.99999999), '> 99.99 %');
  assert.equal(f.percent(0.9999), '99.99 %');
  assert.equal(f.percent(0.083), '8.3 %');
});

test('durations from nanoseconds to days', () => {
  assert.equal(f.duration(0), '0 ms');
  assert.equal(f.duration(3e-9), '3 ns');
  assert.equal(f.duration(12e-6), '12 µs');
  assert.equal(f.duration(0.34), '340 ms');
  assert.equal(f.duration(0.9996), '1 s');
  assert.equal(f.duration(1.234), '1.23 s');
  assert.equal(f.duration(125), '2 min 5 s');
  assert.equal(f.duration(59.97), '1 min');
  assert.equal(f.longDuration(3600 * 27), '1 d 3 h');
  assert.equal(f.longDuration(3605), '1 h');
  assert.equal(f.longDuration(0.2), '0 s');
});

test('digits never show more than three significant ones, over random values', () => {
  let seed = 42;
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  for (let i = 0; i < 5000; i++) {
    const value = 10 ** (random() * 24 - 12);
    for (const text of [
      f.count(value),
      f.rate(value),
      f.duration(value),
      f.bytes(value),
      f.percent(value / 1e12),
    ]) {
      assert.doesNotMatch(text, /NaN|undefined|Infinity|e[+-]\d/, `seed 42, value ${value}: ${text}`);
      assert.ok(text.length <= 16, `${value}: ${text}`);
    }
  }
});

test('moments name their zone', () => {
  assert.equal(f.moment(Date.parse('2022-08-23T12:47:50Z')), '2022-08-23 12:47:50 UTC');
  assert.equal(f.moment(0), '1970-01-01 00:00:00 UTC');
  assert.match(f.moment(0, 'local'), /UTC[+−]\d\d:\d\d$/);
  assert.equal(f.moment(1e20), f.unknown);
  assert.equal(f.dayClock(Date.parse('2022-08-23T12:47:50Z')), '08-23 12:47');
});

test('bytes and gauges are told by their name', () => {
  assert.equal(f.bytes(1536), '1.5 KiB');
  assert.equal(f.gauge('cpu.utilization', 0.34), '34 %');
  assert.equal(f.gauge('memory.usage', 2 ** 30), '1 GiB');
  assert.equal(f.gauge('upstream_rq_pending_active', 12), '12');
  assert.equal(f.signalValue('error_ratio', 0.1), '10 %');
  assert.equal(f.signalValue('latency', 1.5), '1.5 s');
  assert.equal(f.signalValue('request_rate', 3), '3/s');
  assert.equal(f.plural(1, 'service'), '1 service');
  assert.equal(f.plural(1234, 'service'), '1,234 services');
});
