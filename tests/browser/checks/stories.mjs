// What the made-up mesh is known to show: its incident, its suggestion, and the decision about it.
import { assert, settle, words } from './checker.mjs';

const cart = `/service?id=${encodeURIComponent('boutique/cart')}`;

/** Whether the chart has pixels of the colour that marks an incident's beginning. */
const marked = page =>
  page.evaluate(() => {
    const probe = document.createElement('span');
    probe.style.color = 'var(--critical)';
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
    probe.remove();
    const canvas = document.querySelector('.charts canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let hits = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (
        Math.abs(data[i] - r) < 24 &&
        Math.abs(data[i + 1] - g) < 24 &&
        Math.abs(data[i + 2] - b) < 24 &&
        data[i + 3] > 200
      )
        hits++;
    }
    return hits;
  });

export const stories = async checker => {
  const { mock } = checker;

  await checker.check('data from years ago are said to be recorded', {}, async page => {
    await checker.open(page);
    assert.equal(
      await page.locator('.data-age').innerText(),
      'newest data: 2022-08-23 12:47:50 UTC (recorded)',
    );
  });

  await checker.check('the sick come first, with what broke and what to do beside them', {}, async page => {
    await checker.open(page);
    assert.match(await page.locator('#services tbody tr').first().innerText(), /broken[\s\S]*cart/);
    const text = await words(page);
    for (const part of [
      'What broke',
      'cart answers 120 times slower',
      'version v2',
      'What to do now',
      'Send all requests for cart to v1',
    ]) {
      assert.ok(text.includes(part), part);
    }
  });

  await checker.check('the map marks sick boxes and calls by class, dash and word', {}, async page => {
    await checker.open(page);
    const box = page.locator('.node-critical');
    assert.match((await box.getAttribute('aria-label')) ?? '', /boutique\/cart: broken/);
    const dash = await page
      .locator('path.edge-critical')
      .first()
      .evaluate(e => getComputedStyle(e).strokeDasharray);
    assert.notEqual(dash, 'none');
    const widths = await page
      .locator('path.edge')
      .evaluateAll(all => all.map(e => Number(e.getAttribute('stroke-width'))));
    assert.ok(Math.max(...widths) > Math.min(...widths), 'width follows the rate');
  });

  await checker.check('the map stands still while numbers change', {}, async page => {
    await checker.open(page, '/map');
    const places = () =>
      page
        .locator('.node rect')
        .evaluateAll(all => all.map(e => `${e.getAttribute('x')},${e.getAttribute('y')}`));
    const before = await places();
    const asked = mock.requests.filter(r => r.path.startsWith('/api/v1/graph')).length;
    await page.waitForTimeout(3500);
    assert.ok(
      mock.requests.filter(r => r.path.startsWith('/api/v1/graph')).length > asked,
      'the map is asked again',
    );
    assert.deepEqual(await places(), before);
  });

  await checker.check(
    'the service page marks the incident and the usual band in its charts',
    {},
    async page => {
      await checker.open(page, cart);
      await page.waitForSelector('.charts canvas');
      await page.waitForTimeout(300);
      assert.ok((await marked(page)) > 20, 'the incident begins at a line');
      const text = await words(page);
      for (const part of [
        'Part of incident #7',
        'usual',
        'Versions',
        'Instances',
        'Operations',
        'Called by',
        'cpu.utilization',
        'Example traces',
      ]) {
        assert.ok(text.includes(part), part);
      }
      await checker.open(page, `/service?id=${encodeURIComponent('boutique/ads')}`);
      await page.waitForSelector('.charts canvas');
      assert.equal(await marked(page), 0, 'a service without incident has no such line');
    },
  );

  await checker.check(
    'versions that serve the same minutes stand against each other, with the verdict',
    {},
    async page => {
      await checker.open(page, cart);
      const part = page.locator('.panel', { hasText: 'Versions against each other' });
      await part.getByText('v2 of', { exact: false }).waitFor();
      const told = await part.innerText();
      for (const piece of ['worse', 'failed 41 of 640 requests', '5,760', '6.4 %', '1 %'])
        assert.ok(told.includes(piece), piece);
    },
  );

  await checker.check('one version, instance or operation can be looked at alone', {}, async page => {
    await checker.open(page, cart);
    await page.getByRole('button', { name: 'v2', exact: true }).click();
    await page.waitForFunction(() => location.search.includes('version=v2'));
    await page.getByRole('heading', { name: 'Golden signals of version v2' }).waitFor();
    await page.getByRole('button', { name: 'Whole service' }).click();
    await page.getByRole('heading', { name: 'Golden signals', exact: true }).waitFor();
  });

  await checker.check(
    'the incident tells culprit, suspects with evidence, timeline, impact and suggestion',
    {},
    async page => {
      await checker.open(page, '/incident?id=7');
      const text = await words(page);
      for (const part of [
        'Suspects, most likely first',
        'v2 fails 61 %',
        'What happened when',
        '12:36:30',
        '512/min',
        'First failure',
        'Where it spread',
        'Anomalies behind it',
        'No routing change would help',
      ]) {
        assert.ok(text.includes(part), part);
      }
      assert.equal(await page.locator('.suspects > li').count(), 3);
    },
  );

  await checker.check(
    'the suggestion shows its diff with signs and colours, its commands, effect, capacity and doubts',
    {},
    async page => {
      await checker.open(page, '/suggestion?id=3');
      const lines = await page.locator('.diff-add').allInnerTexts();
      assert.deepEqual(
        lines.map(l => l.trim()),
        ['+      weight: 100', '+      weight: 0'],
      );
      assert.equal(await page.locator('.diff-remove').count(), 2);
      const colours = await page
        .locator('.diff-add, .diff-remove')
        .evaluateAll(all => new Set(all.map(e => getComputedStyle(e).backgroundColor)).size);
      assert.equal(colours, 2);
      const text = await words(page);
      for (const part of [
        'kubectl --namespace boutique',
        'Undo',
        '8.3 %',
        '0.04 %',
        'has borne 131/s',
        '94 %',
        'It would be wrong if',
        'Valid until',
        '10 % of the requests',
      ]) {
        assert.ok(text.includes(part), part);
      }
    },
  );

  await checker.check(
    'a suggestion that was applied shows predicted against observed, and how its kind fared so far',
    {},
    async page => {
      await checker.open(page, '/suggestion?id=4');
      const rows = await page.locator('.outcome tbody tr').allInnerTexts();
      assert.equal(rows.length, 2);
      assert.match(rows[0], /Failing requests\s+8.3 %\s+0.04 % \(0.02 % to 0.11 %\)\s+0.05 % ✓ inside/);
      const text = await words(page);
      for (const part of ['verified', '✓ helped', '10 % before', '9 suggested, 6 seen applied, 5 verified'])
        assert.ok(text.includes(part), part);
      assert.ok(!text.includes('Take it back'));
      assert.equal(await page.locator('.decision input').count(), 0, 'nothing is left to accept or dismiss');
      assert.equal(await page.locator('.decision button').count(), 1, 'the decision can be taken back');
    },
  );

  await checker.check('what did harm says at once how to take it back', {}, async page => {
    await checker.open(page, '/suggestion?id=5');
    const outcome = await page.locator('.outcome').innerText();
    for (const part of ['▲ did harm', '✕ outside', 'Take it back', 'delete virtualservice cart-seismesh'])
      assert.ok(outcome.includes(part), part);
  });

  await checker.check('the dry run is asked for by a press', {}, async page => {
    await checker.open(page, '/suggestion?id=3');
    assert.equal(mock.requests.filter(r => r.path.includes('dry-run')).length, 0);
    await page.getByRole('button', { name: 'Replay the last 15 minutes' }).click();
    await page.getByText('8.3 % of 92,700 requests failed').waitFor();
    await page.getByText('3 points').click();
    assert.match(await page.locator('.dry-run tbody').innerText(), /beyond what was borne/);
  });

  await checker.check('the suggestion is written for another mesh when asked', {}, async page => {
    await checker.open(page, '/suggestion?id=3');
    assert.equal(await page.locator('.beside').count(), 0);
    await page.locator('select[name=as]').selectOption('osm');
    await page.getByText('kubectl apply for osm').waitFor();
    await page.getByText('As a change of the objects that you have').click();
    await page.getByText('seismesh suggestions show 3 --as osm --live').waitFor();
    await page.getByText('kubectl get what osm knows').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('as'), 'osm');
    const text = await words(page);
    for (const part of [
      'for osm',
      'weights are whole numbers',
      'the nearest is that',
      'kubectl apply the route',
    ])
      assert.ok(text.includes(part), part);
    await page.locator('select[name=as]').selectOption('stored');
    await page.getByText('kubectl --namespace boutique').first().waitFor();
  });

  await checker.check(
    'copy puts the command on the clipboard',
    { permissions: ['clipboard-read', 'clipboard-write'] },
    async page => {
      await checker.open(page, '/suggestion?id=3');
      await page.locator('.command').first().getByRole('button').click();
      await page.getByText('Copied').waitFor();
      assert.match(
        await page.evaluate(() => navigator.clipboard.readText()),
        /^kubectl --namespace boutique patch/,
      );
    },
  );

  await checker.check(
    'a copied link shows others the same moment',
    { permissions: ['clipboard-read', 'clipboard-write'] },
    async page => {
      await checker.open(page, '/services?range=15m&sort=-rate');
      await page.getByRole('button', { name: /Copy link/ }).click();
      await page.getByText('Copied').waitFor();
      const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
      assert.equal(link.searchParams.get('from'), '2022-08-23T12:32:50Z');
      assert.equal(link.searchParams.get('to'), '2022-08-23T12:47:50Z');
      assert.equal(link.searchParams.get('sort'), '-rate');
    },
  );

  await checker.check('accepting sends the header and the reason, and shows the decision', {}, async page => {
    await checker.open(page, '/suggestion?id=3');
    await page.getByLabel(/Reason/).fill('v2 is known to be bad');
    await page.getByRole('button', { name: 'Accept' }).click();
    await page.locator('.pill-accepted').waitFor();
    const sent = mock.requests.find(r => r.method === 'POST');
    assert.equal(sent.path, '/api/v1/suggestions/3/accept');
    assert.equal(sent.headers['x-seismesh'], '1');
    assert.equal(mock.reason, 'v2 is known to be bad');
    assert.equal(await page.getByRole('button', { name: 'Accept' }).count(), 0);
  });

  await checker.check(
    'an incident says why, with its evidence, and calls no symptom a cause',
    {},
    async page => {
      await checker.open(page);
      const story = page.locator('.story').first();
      const sentence = await story.locator('.incident-sentence').innerText();
      assert.match(
        sentence,
        /^\S+( > \S+)? [^;]+ is [^;]+, expected [^;]+–[^;]+ for this time \([^;]+ windows? of history\); began [^;]+; [^;]+; likely cause .+, \d+ pieces? of evidence\.$/,
      );
      await story.locator('.why summary').click();
      await story.getByText('what it calls explains 2 % of it').waitFor();
    },
  );

  for (const [button, state, verb] of [
    ['Expected', 'expected', 'expected'],
    ['Mute 2 h', 'muted', 'mute'],
    ['False alarm', 'false alarm', 'wrong'],
  ]) {
    await checker.check(
      `"${button}" takes a story off the count, and undo brings it back`,
      {},
      async page => {
        await checker.open(page);
        await page.getByRole('button', { name: button }).click();
        await page.getByText('Known, and not counted').waitFor();
        assert.equal(mock.said.answer, verb);
        assert.ok((await page.locator('.known').innerText()).includes(state));
        await page.locator('.known').getByRole('button', { name: 'Undo' }).click();
        await page.getByRole('button', { name: button }).waitFor();
        assert.equal(mock.said, undefined);
      },
    );
  }

  await checker.check('an answer on the incident page keeps its reason', {}, async page => {
    await checker.open(page, '/incident?id=7');
    await page.getByLabel('Reason (kept with the answer)').fill('the sale began');
    await page.getByRole('button', { name: 'Expected' }).click();
    await page.getByText('“the sale began”').waitFor();
    await page.locator('.answers').getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('button', { name: 'Expected' }).waitFor();
  });

  await checker.check('one suspect can be called wrong', {}, async page => {
    await checker.open(page, '/incident?id=7');
    await page.locator('.suspects > li').first().getByRole('button', { name: 'Not this one' }).click();
    await page.locator('.suspects > li').first().getByRole('button', { name: 'Undo' }).waitFor();
    assert.deepEqual(mock.said, { answer: 'wrong', culprit: 'boutique/cart' });
    await page.locator('.suspects > li').first().getByRole('button', { name: 'Undo' }).click();
    await page.locator('.suspects > li').first().getByRole('button', { name: 'Not this one' }).waitFor();
  });

  await checker.check('dismissing works from the first page', {}, async page => {
    await checker.open(page);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.waitForFunction(() => !document.body.innerText.includes('Send all requests for cart to v1'));
    assert.equal(mock.decided['3'], 'dismissed');
  });

  await checker.check('what someone else decided meanwhile is said in words', { noisy: true }, async page => {
    await checker.open(page, '/suggestion?id=3&live=0');
    mock.decided['3'] = 'dismissed';
    await page.route('**/api/v1/suggestions/3', route => route.abort());
    await page.getByRole('button', { name: 'Accept' }).click();
    await page.getByText(/Already decided/).waitFor();
    await page.getByText('was already dismissed').waitFor();
  });

  await checker.check('traces are searched by form; failing only is in the address', {}, async page => {
    await checker.open(page, '/traces');
    await page.waitForSelector('tbody tr');
    const all = await page.locator('tbody tr').count();
    await page.getByLabel('failing only').check();
    await page.getByLabel('Trace at least').fill('250ms');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForFunction(() => location.search.includes('error=true'));
    await settle(page);
    await page.waitForFunction(n => document.querySelectorAll('tbody tr').length < n, all);
    const asked = mock.requests
      .map(r => r.path)
      .filter(p => p.startsWith('/api/v1/traces'))
      .pop();
    assert.match(asked, /min_duration=250ms/);
    await page.goBack();
    await settle(page);
    assert.equal(await page.getByLabel('failing only').isChecked(), false);
  });

  await checker.check('trends are drawn for the rows in sight', {}, async page => {
    await checker.open(page, '/services');
    await page.waitForSelector('.spark-rate');
    assert.ok((await page.locator('.spark-rate').count()) >= 3);
  });

  await checker.check(
    'a mesh of 600 shows the sick part, counts the rest, and stays quick',
    { mode: 'big' },
    async page => {
      await checker.open(page, '/map');
      assert.ok((await page.locator('.node').count()) <= 40);
      assert.equal(await page.locator('.node-critical').count(), 1);
      assert.match(await words(page), /\+6\d healthy/);
      await page.getByRole('button', { name: /the first 150/ }).click();
      await page.waitForFunction(() => document.querySelectorAll('.node').length === 150);
      await checker.open(page, '/services');
      assert.equal(await page.locator('tbody tr').count(), 100);
      await page.getByRole('button', { name: /Show 100 more/ }).click();
      assert.equal(await page.locator('tbody tr').count(), 200);
      await page.locator('#search').fill('service-077');
      await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    },
  );
};
