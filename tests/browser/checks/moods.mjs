// Empty, broken, starting, slow, paused: each said in words, each left by itself when it is over.
import { assert, words } from './checker.mjs';

export const moods = async checker => {
  const { mock } = checker;

  await checker.check(
    'nothing received: the addresses, and something to type',
    { mode: 'empty' },
    async page => {
      await checker.open(page);
      const text = await words(page);
      for (const part of [
        'No telemetry has arrived yet',
        '127.0.0.1:4317',
        '127.0.0.1:4318',
        'OTEL_EXPORTER_OTLP_ENDPOINT',
        'curl -sS http://127.0.0.1:4318/v1/traces',
        'seismesh replay',
      ]) {
        assert.ok(text.includes(part), part);
      }
      for (const path of ['/map', '/services', '/incidents', '/suggestions', '/traces']) {
        await checker.open(page, path);
        assert.match(await words(page), /No (service|calls|incident|suggestion|trace)/, path);
      }
    },
  );

  await checker.check('the first telemetry opens the page by itself', { mode: 'empty' }, async page => {
    await checker.open(page);
    mock.mode = 'busy';
    await page.locator('#sentence').waitFor();
  });

  await checker.check('learning is said, and how much is missing', { mode: 'learning' }, async page => {
    await checker.open(page);
    assert.match(await words(page), /Still learning what is usual: 12 of 30/);
  });

  await checker.check(
    'all is well: no story, no proposal, and the page says so',
    { mode: 'calm' },
    async page => {
      await checker.open(page);
      assert.match(await words(page), /All 11 services behave as usual/);
      assert.match(await words(page), /Nothing in this time range/);
      assert.equal(await page.locator('.hero-ok').count(), 1);
    },
  );

  await checker.check(
    '503: it says what it waits for and opens when ready',
    { mode: 'starting', noisy: true },
    async page => {
      await page.goto(checker.url);
      await page.getByText('seismesh is starting').waitFor();
      await page.getByText('Replaying the journal: 312 of 880 MiB.').waitFor();
      mock.mode = 'busy';
      await page.locator('#sentence').waitFor();
    },
  );

  await checker.check(
    'no server: it says so at first, with a way to try again',
    { mode: 'down', noisy: true },
    async page => {
      await page.goto(checker.url);
      await page.getByText('The server does not answer').waitFor();
      mock.mode = 'busy';
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.locator('#sentence').waitFor();
    },
  );

  await checker.check(
    'a server lost in between: the last data stay, the loss is told, and it heals',
    { noisy: true },
    async page => {
      await checker.open(page);
      mock.mode = 'down';
      await page.getByText('The server does not answer').waitFor();
      assert.ok(await page.locator('#sentence').isVisible());
      assert.ok((await page.locator('#services tbody tr').count()) > 3, 'the table stays');
      assert.match(await page.locator('.link').innerText(), /no connection/);
      mock.mode = 'busy';
      await page.waitForFunction(() => !document.querySelector('.notice'));
      assert.match(await page.locator('.link').innerText(), /live|every/);
    },
  );

  await checker.check(
    'an error of the API is told in its own words',
    { mode: 'error', noisy: true },
    async page => {
      await checker.open(page, '/services');
      assert.match(await words(page), /The store could not be read: disk I\/O error/);
      mock.mode = 'busy';
      await page.getByRole('button', { name: 'Try again' }).first().click();
      await page.locator('tbody tr').first().waitFor();
    },
  );

  await checker.check('what does not exist is said with its name', { noisy: true }, async page => {
    await checker.open(page, '/service?id=nobody');
    assert.match(await words(page), /Not found\. No service named “nobody”/);
    await checker.open(page, '/trace?id=00');
    assert.match(await words(page), /Not found\. No trace 00/);
  });

  await checker.check(
    'a proxy that answers with its own page does not break ours',
    { noisy: true },
    async page => {
      await page.route('**/api/v1/services?*', route =>
        route.fulfill({
          status: 502,
          contentType: 'text/html',
          body: '<h1>Bad gateway</h1>',
        }),
      );
      await checker.open(page, '/services');
      assert.match(await words(page), /The server answered 502/);
      await page.unroute('**/api/v1/services?*');
      await page.route('**/api/v1/services?*', route =>
        route.fulfill({
          status: 200,
          contentType: 'application/json',
          body: '{"services":',
        }),
      );
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('The answer is not valid JSON').waitFor();
    },
  );

  await checker.check('without an event stream it asks every few seconds', { noisy: true }, async page => {
    mock.noStream = true;
    await checker.open(page);
    await page.getByText('every 5 s').waitFor();
    const asked = () => mock.requests.filter(r => r.path === '/api/v1/status').length;
    const before = asked();
    await page.waitForTimeout(6000);
    assert.ok(asked() > before);
  });

  await checker.check('pause stops every question, and going on catches up', {}, async page => {
    await checker.open(page);
    await page.locator('.link', { hasText: 'live' }).click();
    await page.waitForFunction(() => location.search.includes('live=0'));
    await page.waitForTimeout(2500);
    mock.requests = [];
    await page.waitForTimeout(3000);
    assert.equal(mock.requests.length, 0, JSON.stringify(mock.requests.map(r => r.path)));
    await page.keyboard.press('p');
    await page.locator('.link', { hasText: 'live' }).waitFor();
    assert.ok(mock.requests.length > 0);
  });

  await checker.check('while slow answers load, places are kept', {}, async page => {
    mock.delay_ms = 900;
    await page.goto(`${checker.url}/services`);
    await page.locator('.skeleton').first().waitFor();
    const height = await page
      .locator('.skeleton')
      .first()
      .evaluate(e => e.getBoundingClientRect().height);
    assert.ok(height >= 300);
    await page.locator('tbody tr').first().waitFor();
  });
};
