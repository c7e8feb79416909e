// One check = one claim. A page that complains in its console, breaks the Content-Security-Policy or opens a dialog
// fails the check that was running, whatever else it shows.
import assert from 'node:assert/strict';
import { settle } from '../chromium.mjs';

/** Network errors that a check caused on purpose are logged by the browser itself, not by the page. */
const expectedNoise = /Failed to load resource|net::ERR_/;

export class Checker {
  passed = 0;
  failed = 0;

  constructor(browser, url, mock) {
    this.browser = browser;
    this.url = url;
    this.mock = mock;
  }

  /** Runs `body(page, complaints)` in a fresh context; `options` are Playwright's, and `mode`, `noisy`. */
  async check(claim, options, body) {
    if (process.env.ONLY && !claim.includes(process.env.ONLY)) return;
    const { mode = 'busy', noisy = false, ...context } = options;
    if (this.mock)
      Object.assign(this.mock, {
        mode,
        decided: {},
        noStream: false,
        delay_ms: 0,
        requests: [],
        unknown: [],
      });
    const own = await this.browser.newContext({
      viewport: { width: 1440, height: 900 },
      ...context,
    });
    const page = await own.newPage();
    page.setDefaultTimeout(8000);
    const complaints = this.#listen(page, noisy);
    try {
      await body(page, complaints);
      assert.deepEqual(complaints, [], 'the page complained');
      if (this.mock)
        assert.deepEqual(this.mock.unknown, [], 'the page used parameters that the API does not know');
      this.passed++;
      console.log(`ok   ${claim}`);
    } catch (error) {
      this.failed++;
      console.log(
        `FAIL ${claim}\n     ${String(error.message ?? error)
          .split('\n')
          .slice(0, 12)
          .join('\n     ')}`,
      );
    } finally {
      await own.close();
    }
  }

  #listen(page, noisy) {
    const complaints = [];
    page.on('dialog', dialog => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', error => complaints.push(`error: ${error.message}`));
    page.on('console', message => {
      if (!['error', 'warning'].includes(message.type())) return;
      if (noisy && expectedNoise.test(message.text())) return;
      complaints.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on('request', request => {
      if (!request.url().startsWith(this.url) && !request.url().startsWith('data:'))
        complaints.push(`asked ${request.url()}`);
    });
    return complaints;
  }

  async open(page, path = '/') {
    await page.goto(this.url + path);
    await settle(page);
  }
}

export const spill = page =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Everything that is visible as text. */
export const words = page => page.evaluate(() => document.body.innerText);

export { assert, settle };
