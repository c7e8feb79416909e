// A stand-in for the daemon: the built page with the daemon's own security headers, and documents of the shapes in
// docs/api.md. `mode` says which day it is; tests change it while the page looks on.
//
//   node mock-server.mjs [PORT] [MODE]       MODE: busy calm empty learning big xss starting error down
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answer } from './mock/answers.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** The daemon's own policy, read from where it is written. */
export const policy = (() => {
  const source = readFileSync(join(here, '../../web/guard.c'), 'utf8');
  const texts = /\{"Content-Security-Policy",\s*((?:"[^"]*"\s*)+)\}/.exec(source)?.[1];
  if (!texts) throw new Error('web/guard.c has no Content-Security-Policy any more');
  return [...texts.matchAll(/"([^"]*)"/g)].map(match => match[1]).join('');
})();
const types = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};
const pages = [
  '/',
  '/map',
  '/services',
  '/service',
  '/edge',
  '/incidents',
  '/incident',
  '/suggestions',
  '/suggestion',
  '/traces',
  '/trace',
  '/status',
];

const sendFile = (response, folder, path) => {
  const name = pages.includes(path) ? 'index.html' : path.slice(1);
  const file = join(folder, `${name}.gz`);
  if (!/^[a-z.]+$/.test(name) || !existsSync(file))
    return sendJson(response, 404, {
      error: { code: 'not_found', message: 'No such page.' },
    });
  const body = readFileSync(file);
  response.writeHead(200, {
    'Content-Type': types[name.split('.').pop()],
    'Content-Encoding': 'gzip',
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ETag: `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`,
    'Cache-Control': 'no-cache',
  });
  response.end(body);
};

const sendJson = (response, code, document) => {
  response.writeHead(code, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
  });
  response.end(JSON.stringify(document));
};

const stream = (mock, request, response) => {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
  });
  const beat = () => {
    if (mock.mode === 'down' || mock.mode === 'starting') return response.destroy();
    mock.checkpoints++;
    const { document } = answer(mock, 'GET', new URL('http://mock/api/v1/status'), {});
    response.write(`event: checkpoint\ndata: ${JSON.stringify(document)}\n\n`);
  };
  beat();
  const timer = setInterval(beat, mock.beat_ms);
  request.on('close', () => clearInterval(timer));
};

const body = async request => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
};

const handle = async (mock, request, response) => {
  const url = new URL(request.url, 'http://mock');
  mock.requests.push({
    method: request.method,
    path: url.pathname + url.search,
    headers: request.headers,
  });
  if (!url.pathname.startsWith('/api/')) return sendFile(response, mock.folder, url.pathname);
  if (mock.mode === 'down') return request.socket.destroy();
  if (mock.mode === 'starting')
    return sendJson(response, 503, {
      error: {
        code: 'starting',
        message: 'Replaying the journal: 312 of 880 MiB.',
      },
    });
  if (url.pathname === '/api/v1/stream') {
    return mock.noStream
      ? sendJson(response, 404, {
          error: { code: 'not_found', message: 'No stream.' },
        })
      : stream(mock, request, response);
  }
  if (mock.delay_ms) await new Promise(done => setTimeout(done, mock.delay_ms));
  const { code, document } = answer(
    mock,
    request.method,
    url,
    request.headers,
    request.method === 'POST' ? await body(request) : {},
  );
  return sendJson(response, code, document);
};

/** Starts a server; `mock.mode` may be changed at any time. */
export const startMock = async ({
  port = 0,
  mode = 'busy',
  folder = process.env.UI_DIST ?? join(here, '../../build/ui/dist'),
  beat_ms = 1000,
} = {}) => {
  const mock = {
    mode,
    folder,
    beat_ms,
    checkpoints: 0,
    decided: {},
    requests: [],
    noStream: false,
    delay_ms: 0,
    unknown: [],
  };
  const server = createServer((request, response) => {
    handle(mock, request, response).catch(error =>
      sendJson(response, 500, {
        error: { code: 'internal', message: String(error) },
      }),
    );
  });
  await new Promise((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done));
  mock.url = `http://127.0.0.1:${server.address().port}`;
  mock.stop = () => new Promise(done => (server.closeAllConnections(), server.close(done)));
  return mock;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock({
    port: Number(process.argv[2] ?? 20600),
    mode: process.argv[3] ?? 'busy',
  });
  console.log(`${mock.mode} at ${mock.url}`);
}
