/** The keyboard: / to search, g and a letter to go, j and k to walk rows, ? for help. */
import { useEffect } from 'preact/hooks';
import { change, go, href } from './router.ts';
import { toggleTheme } from './theme.ts';

const places: Record<string, string> = {
  o: '/',
  h: '/',
  t: '/map',
  m: '/map',
  s: '/services',
  i: '/incidents',
  p: '/suggestions',
  r: '/traces',
  u: '/status',
};

/** How long a "g" waits for its second key. */
const chord_ms = 1200;

const typing = (event: KeyboardEvent): boolean => {
  const target = event.target as HTMLElement | null;
  return Boolean(target && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable));
};

const visible = (element: Element): boolean => element.getClientRects().length > 0;

const walk = (step: 1 | -1): void => {
  const all = [...document.querySelectorAll<HTMLElement | SVGAElement>('main [data-nav]')].filter(visible);
  const at = all.findIndex(element => element === document.activeElement);
  const next =
    all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
};

const search = (): void => {
  const field = document.getElementById('search');
  if (field) {
    field.focus();
    return;
  }
  go(href('/services'));
  setTimeout(() => document.getElementById('search')?.focus(), 50);
};

export const useKeys = (actions: { help: () => void; close: () => void }): void => {
  useEffect(() => {
    let chordUntil = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'Escape') {
        if (typing(event)) (event.target as HTMLElement).blur();
        actions.close();
        return;
      }
      if (typing(event) || document.querySelector('dialog[open]')) return;
      const place = Date.now() < chordUntil ? places[event.key] : undefined;
      chordUntil = event.key === 'g' ? Date.now() + chord_ms : 0;
      if (place) go(href(place));
      else if (event.key === '/') search();
      else if (event.key === '?') actions.help();
      else if (event.key === 'j') walk(1);
      else if (event.key === 'k') walk(-1);
      else if (event.key === 'd') toggleTheme();
      else if (event.key === 'p')
        change({ live: new URLSearchParams(location.search).get('live') === '0' ? null : '0' }, true);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
};
