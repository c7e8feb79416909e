// Bundles the page into the few files that the program embeds, each compressed once, here.
//
//   node build.mjs [OUT]        OUT defaults to build/ui/dist beside the Makefile
//
// Output: index.html.gz app.js.gz app.css.gz favicon.svg.gz licenses.txt.gz. Names are plain; the server sends an
// ETag of the content. The same sources give the same bytes (no time stamp in the gzip header).
import { build } from 'esbuild';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '../../build/ui/dist'));
/** Everything that a first visit loads, compressed. */
const budget_bytes = 120 * 1024;
const embedded = ['preact', 'uplot'];

const result = await build({
  entryPoints: { app: join(here, 'src/main.tsx') },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2021',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  write: false,
  logLevel: 'warning',
});

const licences = embedded
  .map(name => {
    const folder = join(here, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n`;
  })
  .join('\n' + '-'.repeat(72) + '\n\n');

const files = {
  'index.html': readFileSync(join(here, 'src/index.html')),
  'favicon.svg': readFileSync(join(here, 'src/favicon.svg')),
  'licenses.txt': Buffer.from(licences),
};
for (const file of result.outputFiles) files[file.path.slice(out.length + 1)] = Buffer.from(file.contents);

mkdirSync(out, { recursive: true });
let first = 0;
for (const [name, content] of Object.entries(files).sort()) {
  const packed = gzipSync(content, { level: 9 });
  writeFileSync(join(out, `${name}.gz`), packed);
  if (name !== 'licenses.txt') first += packed.length;
  console.log(
    `${name.padEnd(14)} ${String(content.length).padStart(8)} bytes, ${String(packed.length).padStart(7)} compressed`,
  );
}
console.log(`first visit: ${first} bytes compressed, budget ${budget_bytes}`);
if (first > budget_bytes) {
  console.error('build.mjs: the page has outgrown its budget; find what grew before raising it');
  process.exit(1);
}
