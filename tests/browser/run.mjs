// The page in a real Chromium.
//
//   node run.mjs                    against the made-up mesh of mock-server.mjs, in every mood it knows
//   SEISMESH_URL=http://… node run.mjs   against a running daemon: what must hold for any data that is not empty
//
//   ONLY=words …                   just the checks whose claim has these words
//
// Prints a line per check; the last line is "N passed, N failed".
import { launch } from './chromium.mjs';
import { startMock } from './mock-server.mjs';
import { Checker } from './checks/checker.mjs';
import { common } from './checks/common.mjs';
import { stories } from './checks/stories.mjs';
import { moods } from './checks/moods.mjs';
import { hostile } from './checks/hostile.mjs';

const daemon = process.env.SEISMESH_URL?.replace(/\/$/, '');
const mock = daemon ? null : await startMock({ beat_ms: 700 });
const browser = await launch();
const checker = new Checker(browser, daemon ?? mock.url, mock);
try {
  await common(checker);
  if (mock) {
    await stories(checker);
    await moods(checker);
    await hostile(checker);
  }
} finally {
  await browser.close();
  await mock?.stop();
}
console.log(`${checker.passed} passed, ${checker.failed} failed`);
process.exitCode = checker.failed === 0 && checker.passed > 0 ? 0 : 1;
