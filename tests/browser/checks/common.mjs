// What must hold for any server that has data.
import { assert, settle, spill, words } from './checker.mjs';

const widths = [360, 768, 1600, 2560];

const firstService = page => page.locator('#services tbody a[data-nav]').first();

export const common = async checker => {
  await checker.check('the first page says in one sentence how the mesh is', {}, async page => {
    await checker.open(page);
    const sentence = await page.locator('#sentence').innerText();
    assert.ok(sentence.length > 10, sentence);
    assert.match(
      await page.locator('.data-age').innerText(),
      /newest data: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/,
    );
  });

  await checker.check('the service table has numbers, and health as shape and word', {}, async page => {
    await checker.open(page);
    const rows = page.locator('#services tbody tr');
    assert.ok((await rows.count()) >= 1);
    const first = rows.first();
    assert.match(await first.innerText(), /broken|degraded|healthy|idle/);
    assert.equal(await first.locator('svg.glyph').count(), 1);
    assert.match(await page.locator('#services tbody').innerText(), /\/s|\/min|\/h/);
  });

  await checker.check('no view shows NaN, undefined, null or [object Object]', {}, async page => {
    for (const path of ['/', '/map', '/services', '/incidents', '/suggestions', '/traces', '/status']) {
      await checker.open(page, path);
      /* a diff of an object that does not exist yet begins with /dev/null */
      assert.doesNotMatch(
        (await words(page)).replaceAll('--- /dev/null', ''),
        /\bNaN\b|\bundefined\b|\[object |\bInvalid Date\b|\bnull\b/,
        path,
      );
    }
  });

  await checker.check(
    'the map draws boxes and lines, and has a list for those who do not see it',
    {},
    async page => {
      await checker.open(page, '/map');
      assert.ok((await page.locator('svg.graph .node').count()) >= 2);
      assert.ok((await page.locator('svg.graph path.edge').count()) >= 1);
      assert.match(
        (await page.locator('svg.graph .node').first().getAttribute('aria-label')) ?? '',
        /: (broken|degraded|healthy|idle)/,
      );
      await page.getByText('The same as a list').click();
      assert.ok((await page.locator('details tbody tr').count()) >= 1);
    },
  );

  await checker.check('a service opens with its golden signals as charts and as a table', {}, async page => {
    await checker.open(page);
    await firstService(page).click();
    await page.waitForSelector('.charts canvas');
    assert.ok((await page.locator('.charts canvas').count()) >= 3);
    assert.match(
      (await page.locator('.chart-frame').first().getAttribute('aria-label')) ?? '',
      /Requests: requests last/,
    );
    await page.getByText('The same as a table').click();
    assert.ok((await page.locator('.chart-table tbody tr').count()) >= 1);
  });

  await checker.check('a trace opens as a waterfall, and a span shows its attributes', {}, async page => {
    await checker.open(page, '/traces');
    const links = page.locator('main tbody a[data-nav]');
    if ((await links.count()) === 0) {
      assert.match(await words(page), /No trace matches/);
      return;
    }
    await links.first().click();
    await page.waitForSelector('.waterfall .span-line');
    await page.locator('.span-line').first().click();
    assert.ok(await page.locator('.span-details').isVisible());
    assert.match(page.url(), /span=/);
  });

  for (const width of widths) {
    await checker.check(
      `nothing spills over the edge at ${width} px`,
      { viewport: { width, height: 800 } },
      async page => {
        for (const path of ['/', '/map', '/services', '/incidents', '/suggestions', '/traces', '/status']) {
          await checker.open(page, path);
          assert.equal(await spill(page), 0, path);
        }
        await checker.open(page, '/services?from=2022-08-23T11:00:00Z&to=2022-08-23T12:47:50Z');
        await page.locator('.fixed-range').click();
        assert.equal(await spill(page), 0, 'range being typed');
        const box = await page.locator('.time-fixed').boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= width, 'the form of the range is on the screen');
        await checker.open(page, '/services');
        await page.locator('main tbody a[data-nav]').first().click();
        await page.waitForSelector('.charts canvas');
        await settle(page);
        assert.equal(await spill(page), 0, 'service');
      },
    );
  }

  for (const colorScheme of ['dark', 'light']) {
    await checker.check(
      `${colorScheme} by the system's wish, the other by the button, kept over a reload`,
      { colorScheme },
      async page => {
        const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
        const other = colorScheme === 'dark' ? 'light' : 'dark';
        await checker.open(page);
        assert.equal(await theme(), colorScheme);
        await page.getByRole('button', { name: `Switch to ${other} colours` }).click();
        assert.equal(await theme(), other);
        await page.reload();
        await settle(page);
        assert.equal(await theme(), other);
      },
    );

    await checker.check(
      `text has enough contrast (4.5 to 1) in ${colorScheme}`,
      { colorScheme },
      async page => {
        await checker.open(page);
        assert.deepEqual(await page.evaluate(lowContrast), []);
      },
    );
  }

  await checker.check('keys: / searches, g goes, j and k walk, ? helps, Esc closes', {}, async page => {
    await checker.open(page);
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'search');
    await page.keyboard.type('zz?g');
    assert.match(page.url(), /search=zz%3Fg/);
    await page.keyboard.press('Escape');
    for (const [keys, path] of [
      ['gt', '/map'],
      ['gs', '/services'],
      ['gi', '/incidents'],
      ['gp', '/suggestions'],
      ['gr', '/traces'],
      ['gu', '/status'],
      ['go', '/'],
    ]) {
      for (const key of keys) await page.keyboard.press(key);
      await page.waitForFunction(path => location.pathname === path, path);
    }
    await checker.open(page, '/services');
    await page.keyboard.press('j');
    const first = await page.evaluate(() => document.activeElement?.textContent);
    await page.keyboard.press('j');
    const second = await page.evaluate(() => document.activeElement?.textContent);
    assert.notEqual(first, second);
    await page.keyboard.press('k');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), first);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', 'focus must be visible');
    await page.keyboard.press('?');
    assert.ok(await page.locator('dialog[open]').isVisible());
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog[open]'));
  });

  await checker.check(
    'the address holds the whole state: reload, back and forward restore it',
    {},
    async page => {
      await checker.open(page, '/services');
      await page.getByLabel('Time range').selectOption('3h');
      await page.getByRole('button', { name: 'Requests' }).click();
      await page
        .getByRole('button', { name: /switch/ })
        .first()
        .click();
      const address = page.url();
      for (const part of ['range=3h', 'sort=-rate', 'tz=local'])
        assert.ok(address.includes(part), `${part} in ${address}`);
      const rows = await page.locator('tbody tr').allInnerTexts();
      await page.reload();
      await settle(page);
      assert.equal(await page.getByLabel('Time range').inputValue(), '3h');
      assert.equal((await page.locator('tbody tr').allInnerTexts()).length, rows.length);
      assert.equal(
        await page
          .locator('th[aria-sort=descending]')
          .innerText()
          .then(t => t.trim().startsWith('Requests')),
        true,
      );
      await page.locator('main tbody a[data-nav]').first().click();
      await page.waitForSelector('.charts canvas');
      assert.match(page.url(), /range=3h/, 'the range goes along');
      await page.goBack();
      await page.waitForFunction(() => location.pathname === '/services');
      assert.equal(page.url(), address);
      await page.goForward();
      await page.waitForFunction(() => location.pathname === '/service');
    },
  );

  await checker.check('a fixed range can be typed, and dragging in a chart zooms to it', {}, async page => {
    await checker.open(page, '/services');
    await page.locator('main tbody a[data-nav]').first().click();
    await page.waitForSelector('.charts canvas');
    await settle(page);
    const box = await page.locator('.chart-frame .u-over').first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 50, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction(() => location.search.includes('from='));
    await settle(page);
    await page.locator('.fixed-range').click();
    await page.getByRole('textbox', { name: 'From' }).fill('2022-08-23 12:30:00');
    await page.getByRole('textbox', { name: 'To', exact: true }).fill('2022-08-23 12:00:00');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    assert.match(await words(page), /The end must be after the start/);
    await page.getByRole('textbox', { name: 'To', exact: true }).fill('2022-08-23 12:45:00');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    assert.match(page.url(), /from=2022-08-23T12%3A30%3A00Z&to=2022-08-23T12%3A45%3A00Z/);
  });

  await checker.check('every control has a name, every picture a description', {}, async page => {
    for (const path of ['/', '/services', '/traces', '/suggestions']) {
      await checker.open(page, path);
      assert.deepEqual(await page.evaluate(nameless), [], path);
    }
  });
};

/* These two run inside the page. */

function nameless() {
  const named = element =>
    element.getAttribute('aria-label') ||
    element.textContent.trim() ||
    element.labels?.length ||
    element.getAttribute('title');
  return [...document.querySelectorAll('button, a[href], input, select, [role=img]')]
    .filter(e => !named(e))
    .map(e => e.outerHTML.slice(0, 120));
}

function lowContrast() {
  const parse = text => (text.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const part = v => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (
      !walker.currentNode.textContent.trim() ||
      !element.getClientRects().length ||
      element.closest('svg, .zero, .skip')
    )
      continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))].sort(
      (x, y) => y - x,
    );
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5)
      found.push(
        `${ratio.toFixed(2)} “${walker.currentNode.textContent.trim().slice(0, 40)}” ${element.className}`,
      );
  }
  return [...new Set(found)].slice(0, 8);
}
