import { test } from 'node:test';
import assert from 'node:assert/strict';

// The router listens to the browser's history; these modules need just that much of a window.
Object.assign(globalThis, {
  window: { addEventListener: () => undefined },
  location: { pathname: '/', search: '' },
});

test('the address says the range; what it says wrongly is the usual hour', async () => {
  const { rangeOf, rangeQuery, spanSeconds, parseMoment } = await import('../../../web/ui/src/state/time.ts');
  const of = (text: string) => rangeQuery(rangeOf(new URLSearchParams(text)));
  assert.deepEqual(of(''), { start: '-60m' });
  assert.deepEqual(of('range=5m'), { start: '-5m' });
  assert.deepEqual(of('range=45s'), { start: '-45s' });
  assert.deepEqual(of('range=<script>'), { start: '-60m' });
  assert.deepEqual(of('from=2022-08-23T12:00:00Z&to=2022-08-23T12:30:00Z'), {
    start: '1661256000000',
    end: '1661257800000',
  });
  assert.deepEqual(of('from=2022-08-23T12:30:00Z&to=2022-08-23T12:00:00Z'), {
    start: '-60m',
  });
  assert.deepEqual(of('from=yesterday&to=today'), { start: '-60m' });
  assert.equal(spanSeconds('2h'), 7200);
  assert.equal(spanSeconds('2w'), null);
  assert.equal(parseMoment('1661256000000'), 1661256000000);
});

test('a diff line is known by its sign', async () => {
  const { lineKind } = await import('../../../web/ui/src/parts/diff.tsx');
  assert.deepEqual(['+a', '-a', ' a', '@@ -1 +1 @@', '--- x', '+++ y', ''].map(lineKind), [
    'add',
    'remove',
    'same',
    'hunk',
    'file',
    'file',
    'same',
  ]);
});
