// Names chosen by an attacker, in every text of every document: all of them must stay text.
import { assert, words } from './checker.mjs';
import { payloads } from '../mock/payloads.mjs';
import { traceList } from '../mock/mesh.mjs';

const paths = [
  '/',
  '/map',
  '/map?show=all',
  '/services',
  '/incidents',
  '/incident?id=7',
  '/suggestions',
  '/suggestion?id=3',
  '/traces',
  `/trace?id=${traceList[0].trace_id}`,
  '/status',
];

/** Elements that only markup from a name could have made; attributes that would run. */
const smuggled = page =>
  page.evaluate(() => {
    const alien =
      'main script, main iframe, main img, main object, main embed, main video, main form:not(.filters-form), main style, main link, main base, main meta, main math, main body, main animate';
    const found = [...document.querySelectorAll(alien)].map(e => e.outerHTML.slice(0, 80));
    for (const element of document.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        if (/^on/.test(name)) found.push(`${element.tagName} ${name}`);
        if (
          /^(href|src|action|formaction|data)$/.test(name) &&
          /^\s*(javascript|data|vbscript):/i.test(value)
        )
          found.push(`${name}=${value.slice(0, 60)}`);
      }
    }
    if (document.querySelectorAll('base').length > 0) found.push('base');
    return found;
  });

export const hostile = async checker => {
  assert.ok(payloads.length >= 30);

  await checker.check(
    `${payloads.length} hostile names are inert in every view`,
    { mode: 'xss' },
    async page => {
      await page.addInitScript(() =>
        document.addEventListener('securitypolicyviolation', e =>
          console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`),
        ),
      );
      for (const path of paths) {
        await checker.open(page, path);
        await page.waitForTimeout(120);
        assert.deepEqual(await smuggled(page), [], path);
        assert.equal(new URL(page.url()).pathname, path.split('?')[0]);
      }
      await checker.open(page, '/services');
      const text = await words(page);
      assert.ok(text.includes('<img src=x onerror=alert(1)>'), 'shown as the text that it is');
    },
  );

  await checker.check(
    'each hostile name can be opened as a service, and hovered',
    { mode: 'xss', noisy: true },
    async page => {
      await checker.open(page, '/services');
      const links = await page
        .locator('tbody a[data-nav]')
        .evaluateAll(all => all.map(e => e.getAttribute('href')));
      assert.equal(links.length, payloads.length);
      for (const link of links.filter((_, i) => i % 3 === 0)) {
        await checker.open(page, link);
        assert.deepEqual(await smuggled(page), [], link);
        assert.equal(new URL(page.url()).pathname, '/service');
      }
    },
  );

  await checker.check('hostile addresses are inert', { noisy: true }, async page => {
    for (const payload of payloads) {
      const text = encodeURIComponent(payload.toWellFormed?.() ?? payload.replace(/[\uD800-\uDFFF]/g, ''));
      await page.goto(
        `${checker.url}/services?search=${text}&sort=${text}&range=${text}&from=${text}&to=${text}&tz=${text}&health=${text}`,
      );
      await page.locator('#search').waitFor();
      assert.deepEqual(await smuggled(page), []);
    }
  });

  await checker.check(
    'nothing spills over the edge with hostile names at 360 px',
    { mode: 'xss', viewport: { width: 360, height: 800 } },
    async page => {
      for (const path of paths) {
        await checker.open(page, path);
        const spill = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(spill, 0, path);
      }
    },
  );

  await checker.check(
    'documents full of nulls, and with new kinds of everything, break nothing',
    {},
    async page => {
      await page.route('**/api/v1/**', async route => {
        if (route.request().url().includes('/stream')) return route.continue();
        const answer = await route.fetch();
        await route.fulfill({
          response: answer,
          body: JSON.stringify(blank(await answer.json())),
        });
      });
      for (const path of [
        ...paths,
        `/service?id=${encodeURIComponent('boutique/cart')}`,
        `/edge?id=${encodeURIComponent('boutique/frontend>boutique/cart')}`,
      ]) {
        await checker.open(page, path);
        assert.doesNotMatch(await words(page), /\bNaN\b|\bundefined\b|\bInvalid Date\b/, path);
      }
    },
  );
};

/** Every number that may be null is; every word of a closed list is one that this page has never heard. */
const blank = (value, key = '') => {
  const keep =
    /^(id|time_ms|start_ms|end_ms|step_s|requests|errors|trace_id|span_id|start_ns|duration_ns|rank|count|event_time_ms|received_ms|started_ms|uptime_s)$/;
  if (Array.isArray(value)) return value.map(item => blank(item, key));
  if (value && typeof value === 'object') {
    if (key === 'latency' || key === 'culprit' || key === 'capacity' || key === 'impact') return null;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, blank(v, k)]));
  }
  if (typeof value === 'number') return keep.test(key) ? value : null;
  if (['health', 'severity', 'level', 'status', 'kind'].includes(key)) return 'novel';
  return value;
};
