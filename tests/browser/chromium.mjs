// Starts the machine's own Chromium; nothing is downloaded.
import { chromium } from 'playwright-core';

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
    ],
  });

/** Waits until what was asked has been answered and two frames were drawn. */
export const settle = async page => {
  await page.waitForFunction(
    () => !document.querySelector('.skeleton') && document.querySelector('main'),
    null,
    { timeout: 15000 },
  );
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
};
