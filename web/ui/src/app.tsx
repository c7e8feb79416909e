/** The frame around every view: navigation, time, connection, keys. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { FunctionComponent } from 'preact';
import { longDuration, moment } from './format.ts';
import { useKeys } from './state/keys.ts';
import { retryNow, setPaused, useLive } from './state/live.ts';
import { change, followLinks, href, usePlace } from './state/router.ts';
import { toggleTheme, useTheme } from './state/theme.ts';
import { useZone } from './state/time.ts';
import { Empty, ProblemView } from './parts/states.tsx';
import { TimeControl } from './parts/time-control.tsx';
import { Help } from './parts/help.tsx';
import { text } from './strings.ts';
import { Overview } from './views/overview.tsx';
import { MapView } from './views/map.tsx';
import { ServicesView } from './views/services.tsx';
import { EdgeView } from './views/edge.tsx';
import { ServiceView } from './views/service.tsx';
import { IncidentsView, IncidentView } from './views/incident.tsx';
import { SuggestionsView, SuggestionView } from './views/suggestion.tsx';
import { TracesView } from './views/traces.tsx';
import { TraceView } from './views/trace.tsx';
import { StatusView } from './views/status.tsx';

interface Route {
  view: FunctionComponent;
  title: string;
  /** The entry of the navigation that is lit. */
  nav: string;
}

const routes: Record<string, Route> = {
  '/': { view: Overview, title: text.nav.overview, nav: '/' },
  '/map': { view: MapView, title: text.nav.map, nav: '/map' },
  '/services': { view: ServicesView, title: text.nav.services, nav: '/services' },
  '/service': { view: ServiceView, title: 'Service', nav: '/services' },
  '/edge': { view: EdgeView, title: 'Call', nav: '/map' },
  '/incidents': { view: IncidentsView, title: text.nav.incidents, nav: '/incidents' },
  '/incident': { view: IncidentView, title: 'Incident', nav: '/incidents' },
  '/suggestions': { view: SuggestionsView, title: text.nav.suggestions, nav: '/suggestions' },
  '/suggestion': { view: SuggestionView, title: 'Suggestion', nav: '/suggestions' },
  '/traces': { view: TracesView, title: text.nav.traces, nav: '/traces' },
  '/trace': { view: TraceView, title: 'Trace', nav: '/traces' },
  '/status': { view: StatusView, title: text.nav.status, nav: '/status' },
};

const entries: [string, string][] = [
  ['/', text.nav.overview],
  ['/map', text.nav.map],
  ['/services', text.nav.services],
  ['/incidents', text.nav.incidents],
  ['/suggestions', text.nav.suggestions],
  ['/traces', text.nav.traces],
  ['/status', text.nav.status],
];

const NotHere = () => (
  <Empty title="There is no such page.">
    <a href={href('/')}>To the overview</a>
  </Empty>
);

/** Data this far behind the server's clock is a recording, and said to be one. */
const recorded_ms = 15 * 60e3;

const DataAge = () => {
  const { status, received_ms } = useLive();
  const zone = useZone();
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick(n => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!status || status.event_time_ms === null) return null;
  const since_s = (Date.now() - received_ms) / 1000;
  const server_ms = status.started_ms + (status.uptime_s + since_s) * 1000;
  const behind_ms = server_ms - status.event_time_ms;
  const age = behind_ms > recorded_ms ? 'recorded' : `${longDuration(Math.max(0, behind_ms / 1000))} ago`;
  const checkpoint = (status.checkpoint?.age_s ?? 0) + since_s;
  return (
    <span class="data-age">
      newest data: <time>{moment(status.event_time_ms, zone)}</time> ({age})
      {checkpoint > 60 && <span class="tone-warning"> · last checkpoint {longDuration(checkpoint)} ago</span>}
    </span>
  );
};

const Connection = () => {
  const { link } = useLive();
  const press = (): void => {
    if (link === 'lost' || link === 'starting' || link === 'broken') retryNow();
    else change({ live: link === 'paused' ? null : '0' }, true);
  };
  return (
    <button type="button" class={`link link-${link}`} title={text.linkHint[link]} onClick={press}>
      <span class="link-dot" aria-hidden="true" />
      <span role="status">{text.link[link]}</span>
    </button>
  );
};

const Notice = () => {
  const { status } = useLive();
  return status?.notice ? <span class="notice">{status.notice}</span> : null;
};

const Header = ({ nav, help }: { nav: string; help: () => void }) => {
  const theme = useTheme();
  return (
    <header class="top">
      <a class="brand" href={href('/')} aria-label="seismesh, overview">
        <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M2 16h6l3-9 5 19 4-14 3 7 2-3h5" class="brand-line" />
        </svg>
        {text.name}
      </a>
      <Notice />
      <nav aria-label="Main">
        {entries.map(([path, name]) => (
          <a key={path} href={href(path)} aria-current={path === nav ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <div class="tools">
        <TimeControl />
        <Connection />
        <button
          type="button"
          class="button button-small"
          onClick={toggleTheme}
          aria-label={`Switch to ${theme === 'dark' ? 'light' : 'dark'} colours`}
        >
          {theme === 'dark' ? '☀' : '☾'}
        </button>
        <button type="button" class="button button-small" onClick={help} aria-label="Keyboard help">
          ?
        </button>
      </div>
    </header>
  );
};

/** Problems of the connection are told once, above everything, while the last data stay in place. */
const ConnectionProblem = () => {
  const { problem, status } = useLive();
  return problem && status ? <ProblemView problem={problem} /> : null;
};

export const App = () => {
  const { path, query } = usePlace();
  const [helpOpen, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const route = routes[path];
  const View = route?.view ?? NotHere;
  const subject = query.get('id') ?? '';
  useKeys({ help: () => setHelp(open => !open), close: () => setHelp(false) });
  useEffect(() => setPaused(query.get('live') === '0'), [query.get('live')]);
  useEffect(() => {
    document.title = [subject, route?.title ?? 'Not found', text.name].filter(Boolean).join(' · ');
  }, [path, subject]);
  useEffect(() => {
    document.addEventListener('click', followLinks);
    return () => document.removeEventListener('click', followLinks);
  }, []);
  return (
    <>
      <a class="skip" href="#main" data-plain>
        To the content
      </a>
      <Header nav={route?.nav ?? ''} help={() => setHelp(true)} />
      <main id="main" ref={main} tabIndex={-1}>
        <div class="age-line">
          <DataAge />
        </div>
        <ConnectionProblem />
        <View key={`${path} ${subject}`} />
      </main>
      {helpOpen && <Help close={() => setHelp(false)} />}
    </>
  );
};
