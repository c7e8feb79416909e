// Rules that guard the page against text from telemetry: nothing may reach the document as markup, and nothing
// may need a looser Content-Security-Policy than the server sends.
import parser from '@typescript-eslint/parser';

const markup = 'Text from telemetry must stay text: use children, never markup.';
const browserNames =
  'window document location history navigator localStorage fetch EventSource URL URLSearchParams AbortController ' +
  'setTimeout clearTimeout setInterval clearInterval matchMedia requestAnimationFrame IntersectionObserver ' +
  'ResizeObserver getComputedStyle HTMLElement Blob DOMException Element Event KeyboardEvent devicePixelRatio';
const nodeNames = 'process console Buffer URL fetch setTimeout clearTimeout setInterval clearInterval';

const globalsOf = names => Object.fromEntries(names.split(' ').map(name => [name, 'readonly']));

const rules = {
  'no-eval': 'error',
  'no-implied-eval': 'error',
  'no-new-func': 'error',
  'no-undef': 'error',
  'prefer-const': 'error',
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'max-lines': ['error', { max: 300, skipBlankLines: true }],
};

const noMarkup = [
  { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|srcdoc)$/]", message: markup },
  { selector: "CallExpression[callee.property.name=/^(insertAdjacentHTML|write|writeln|setHTMLUnsafe)$/]", message: markup },
  { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: markup },
  { selector: "Property[key.name='dangerouslySetInnerHTML']", message: markup },
  { selector: "JSXAttribute[name.name='style'][value.type='Literal']", message: 'Styles belong into a style sheet.' },
];

export default [
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    languageOptions: { parser, parserOptions: { ecmaFeatures: { jsx: true } }, globals: globalsOf(browserNames) },
    rules: { ...rules, 'no-undef': 'off', 'no-restricted-syntax': ['error', ...noMarkup] },
  },
  {
    files: ['*.mjs'],
    languageOptions: { globals: globalsOf(nodeNames) },
    rules,
  },
];
