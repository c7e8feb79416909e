/** The address bar is the state: every view is a path, every control a query parameter. */
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  path: string;
  query: URLSearchParams;
}

type Change = Record<string, string | number | null | undefined>;

/** Parameters that belong to the whole page and travel along every link. */
const shared = ['range', 'from', 'to', 'tz', 'live'];

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

const listeners = new Set<() => void>();
const announce = (): void => listeners.forEach(listener => listener());

window.addEventListener('popstate', announce);

const address = (path: string, query: URLSearchParams): string => {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
};

/** The address of another view, keeping time range, zone and pause. */
export const href = (path: string, change: Change = {}): string => {
  const now = here().query;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(change)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  }
  for (const name of shared) {
    const value = now.get(name);
    if (value !== null && !(name in change)) query.set(name, value);
  }
  return address(path, query);
};

export const go = (to: string): void => {
  if (to === location.pathname + location.search) return;
  history.pushState(null, '', to);
  window.scrollTo(0, 0);
  announce();
};

/** Changes parameters of this view. `keep` replaces the entry in the history (typing in a search box). */
export const change = (values: Change, keep = false): void => {
  const { path, query } = here();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === '') query.delete(name);
    else query.set(name, String(value));
  }
  const to = address(path, query);
  if (to === location.pathname + location.search) return;
  if (keep) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  announce();
};

export const usePlace = (): Place => {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const update = (): void => setPlace(here());
    listeners.add(update);
    update();
    return () => void listeners.delete(update);
  }, []);
  return place;
};

/** One parameter of this view. */
export const useParameter = (name: string, otherwise = ''): string => usePlace().query.get(name) ?? otherwise;

/** Plain clicks on our own links stay in the page; everything else is the browser's. */
export const followLinks = (event: MouseEvent): void => {
  if (
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  const link = (event.target as Element | null)?.closest?.('a');
  const to = link?.getAttribute('href');
  if (
    !link ||
    !to ||
    !to.startsWith('/') ||
    link.hasAttribute('download') ||
    link.hasAttribute('target') ||
    link.hasAttribute('data-plain')
  )
    return;
  event.preventDefault();
  go(to);
};

export const serviceHref = (id: string, more: Change = {}): string => href('/service', { id, ...more });
export const edgeHref = (id: string): string => href('/edge', { id });
export const incidentHref = (id: string | number): string => href('/incident', { id });
export const suggestionHref = (id: string | number): string => href('/suggestion', { id });
export const traceHref = (id: string): string => href('/trace', { id });
