// Pictures of the page for human eyes.   node screenshots.mjs OUTDIR [NAME...]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, settle } from './chromium.mjs';
import { startMock } from './mock-server.mjs';
import { traceList } from './mock/mesh.mjs';

const out = process.argv[2] ?? 'screenshots';
const only = process.argv.slice(3);
const cart = encodeURIComponent('boutique/cart');
/** name, mode, path, width, colours */
const shots = [
  ['overview-dark', 'busy', '/', 1600, 'dark'],
  ['overview-light', 'busy', '/', 1600, 'light'],
  ['overview-narrow', 'busy', '/', 360, 'dark'],
  ['overview-tablet', 'busy', '/', 900, 'light'],
  ['overview-wide', 'busy', '/', 2560, 'dark'],
  ['calm', 'calm', '/', 1600, 'light'],
  ['learning', 'learning', '/', 1600, 'dark'],
  ['empty-dark', 'empty', '/', 1600, 'dark'],
  ['empty-narrow', 'empty', '/', 360, 'light'],
  ['starting', 'starting', '/', 1200, 'dark'],
  ['down', 'down', '/', 1200, 'light'],
  ['error', 'error', '/', 1200, 'dark'],
  ['big-map', 'big', '/map', 1600, 'dark'],
  ['big-map-all', 'big', '/map?show=all', 1600, 'light'],
  ['service-dark', 'busy', `/service?id=${cart}`, 1600, 'dark'],
  ['service-light', 'busy', `/service?id=${cart}`, 1600, 'light'],
  ['service-narrow', 'busy', `/service?id=${cart}`, 360, 'light'],
  ['incident', 'busy', '/incident?id=7', 1600, 'dark'],
  ['incident-narrow', 'busy', '/incident?id=7', 360, 'dark'],
  ['suggestion', 'busy', '/suggestion?id=3', 1200, 'light'],
  ['written-dark', 'busy', '/suggestion?id=3&as=linkerd', 1200, 'dark'],
  ['written-narrow', 'busy', '/suggestion?id=3&as=linkerd', 360, 'light'],
  ['outcome-dark', 'busy', '/suggestion?id=4', 1200, 'dark'],
  ['outcome-light', 'busy', '/suggestion?id=5', 1200, 'light'],
  ['outcome-narrow', 'busy', '/suggestion?id=5', 360, 'dark'],
  ['traces', 'busy', '/traces', 1600, 'dark'],
  ['trace', 'busy', `/trace?id=${traceList[0].trace_id}`, 1600, 'light'],
  ['trace-narrow', 'busy', `/trace?id=${traceList[0].trace_id}`, 360, 'dark'],
  ['status', 'busy', '/status', 1600, 'dark'],
  ['xss', 'xss', '/services', 1600, 'light'],
];

mkdirSync(out, { recursive: true });
const mock = await startMock({ beat_ms: 5000 });
const browser = await launch();
for (const [name, mode, path, width, colorScheme] of shots) {
  if (only.length && !only.includes(name)) continue;
  mock.mode = mode;
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 780 : 1000 },
    colorScheme,
  });
  const page = await context.newPage();
  await page.goto(mock.url + path);
  await settle(page).catch(() => console.log(`${name}: still loading`));
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
  const spill = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  console.log(`${name}${spill > 0 ? ` spills ${spill} px` : ''}`);
  await context.close();
}
await browser.close();
await mock.stop();
