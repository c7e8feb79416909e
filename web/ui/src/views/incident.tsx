/** Incidents: what broke, who broke it, what it costs, what happened when, and what to do. */
import type { Graph, Incident, Series } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { GoldenCharts } from '../charts/golden.tsx';
import { Legend, ServiceGraph } from '../graph/service-graph.tsx';
import { count, duration, exact, longDuration, plural } from '../format.ts';
import { Fact, Moment, Panel, ServiceLink, ServiceName } from '../parts/basics.tsx';
import { Badge, levelOf } from '../parts/health.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { href, incidentHref, serviceHref, useParameter } from '../state/router.ts';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { Anomalies } from './anomalies.tsx';
import { AnswerRow, NotThisOne, Why } from './answers.tsx';
import { Choices, StatePill, SuggestionCard } from './suggestion.tsx';

const culpritName = (culprit: NonNullable<Incident['culprit']>): string =>
  [
    culprit.service,
    culprit.version && `version ${culprit.version}`,
    culprit.instance && `instance ${culprit.instance}`,
  ]
    .filter(Boolean)
    .join(', ');

/** "lasted 3 min", or until the last update while it is open. */
const lasted = (incident: Incident): string =>
  longDuration(((incident.closed_ms ?? incident.updated_ms) - incident.opened_ms) / 1000);

export const Culprit = ({ incident }: { incident: Incident }) =>
  incident.culprit && (
    <p class="culprit">
      <span class="pill">{incident.culprit.established ? 'culprit' : 'first suspect, not established'}</span>{' '}
      <a
        href={serviceHref(incident.culprit.service, {
          version: incident.culprit.version ?? null,
          instance: incident.culprit.instance ?? null,
        })}
      >
        <strong>{culpritName(incident.culprit)}</strong>
      </a>
      {incident.culprit.reason && <span>: {incident.culprit.reason}</span>}
    </p>
  );

export const IncidentHead = ({ incident, linked }: { incident: Incident; linked: boolean }) => (
  <>
    <header class="incident-head">
      <Badge level={incident.severity} word={incident.severity} />
      <StatePill state={incident.state} />
      <span class="muted small">
        since <Moment ms={incident.opened_ms} /> ·{' '}
        {incident.state === 'open' ? `${lasted(incident)} so far` : `lasted ${lasted(incident)}`}
      </span>
    </header>
    <h3 class="incident-title">
      {linked ? (
        <a href={incidentHref(incident.id)} data-nav>
          {incident.title}
        </a>
      ) : (
        incident.title
      )}
    </h3>
    <p class="incident-sentence">{incident.sentence}</p>
    <Culprit incident={incident} />
    <Why explanation={incident.explanation} />
    <AnswerRow incident={incident} whole={!linked} />
  </>
);

const Impact = ({ incident }: { incident: Incident }) => (
  <dl class="facts">
    <Fact name="Requests affected">
      {incident.impact?.requests_per_minute == null
        ? '–'
        : `${count(incident.impact.requests_per_minute)}/min`}
    </Fact>
    <Fact name="Time lost by callers">
      {incident.impact?.time_lost_s_per_minute == null
        ? '–'
        : `${duration(incident.impact.time_lost_s_per_minute)} per minute`}
    </Fact>
    <Fact name="First failure">
      <Moment ms={incident.first_failure_ms} />
    </Fact>
    <Fact name="Services affected">{exact((incident.affected ?? []).length)}</Fact>
  </dl>
);

const Suspects = ({ incident }: { incident: Incident }) => (
  <ol class="suspects">
    {(incident.suspects ?? []).map(suspect => (
      <li key={suspect.rank}>
        <div class="suspect-head">
          <span class="rank" aria-label={`rank ${suspect.rank}`}>
            {suspect.rank}
          </span>
          <a
            href={serviceHref(suspect.service, { version: suspect.version, instance: suspect.instance })}
            data-nav
          >
            <ServiceName id={suspect.service} />
          </a>
          {suspect.version && <span class="pill">{suspect.version}</span>}
          {suspect.instance && <span class="pill">{suspect.instance}</span>}
          <span class="muted small">{suspect.signal}</span>
          <NotThisOne incident={incident} suspect={suspect} />
        </div>
        <ul>
          {(suspect.evidence ?? []).map(line => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </li>
    ))}
  </ol>
);

const Timeline = ({ incident }: { incident: Incident }) => (
  <ol class="timeline">
    {(incident.timeline ?? []).map((entry, i) => (
      <li key={i}>
        <Moment ms={entry.time_ms} short />
        <span>{entry.text}</span>
      </li>
    ))}
  </ol>
);

/** A quarter of an hour on both sides of the incident. */
const around_ms = 15 * 60e3;
const windowOf = (incident: Incident): Record<string, string> => ({
  start: String(incident.opened_ms - around_ms),
  ...(incident.closed_ms === null ? {} : { end: String(incident.closed_ms + around_ms) }),
});

const CulpritCharts = ({
  incident,
  culprit,
}: {
  incident: Incident;
  culprit: NonNullable<Incident['culprit']>;
}) => {
  const { service, version } = culprit;
  const answer = useResource<Series>(withQuery('/series', { service, version, ...windowOf(incident) }));
  return (
    <Panel
      title={<>Signals of {culpritName(culprit)}</>}
      aside={<a href={serviceHref(service)}>Service page</a>}
    >
      <Show of={answer} size="l">
        {series => <GoldenCharts series={series} />}
      </Show>
    </Panel>
  );
};

const IncidentMap = ({ incident }: { incident: Incident }) => {
  const answer = useResource<Graph>(withQuery('/graph', { ...windowOf(incident), limit: 1000 }));
  return (
    <Panel title="Where it spread" aside={<a href={href('/map')}>Whole map</a>}>
      <Show of={answer} size="l">
        {graph => <ServiceGraph graph={graph} show="sick" focus={null} />}
      </Show>
      <Legend />
    </Panel>
  );
};

export const IncidentView = () => {
  const id = useParameter('id');
  const answer = useResource<Incident>(`/incidents/${encodeURIComponent(id)}`);
  return (
    <Show of={answer} size="l">
      {incident => (
        <div class="stack">
          <Panel title={`Incident #${incident.id}`} class={`panel-${incident.severity}`}>
            <IncidentHead incident={incident} linked={false} />
            <Impact incident={incident} />
          </Panel>
          <div class="columns">
            <Panel title="Suspects, most likely first">
              <Suspects incident={incident} />
            </Panel>
            <Panel title="What happened when">
              <Timeline incident={incident} />
              {(incident.affected ?? []).length > 0 && (
                <p class="affected">
                  <span class="muted small">Affected:</span>{' '}
                  {incident.affected.map(service => (
                    <span key={service} class="pill">
                      <ServiceLink id={service} />
                    </span>
                  ))}
                </p>
              )}
            </Panel>
          </div>
          <Panel title="What to do now">
            {(incident.suggestions ?? []).length === 0 ? (
              <Empty title={text.suggestion.none} help={text.empty.noSuggestionsHelp} />
            ) : (
              <div class="stack">
                {incident.suggestions?.map(suggestion => (
                  <SuggestionCard key={suggestion.id} suggestion={suggestion} />
                ))}
              </div>
            )}
          </Panel>
          {incident.culprit && <CulpritCharts incident={incident} culprit={incident.culprit} />}
          <IncidentMap incident={incident} />
          {(incident.anomalies ?? []).length > 0 && (
            <Panel title="Anomalies behind it">
              <details class="chart-table">
                <summary>
                  {plural(incident.anomalies?.length ?? 0, 'anomaly', 'anomalies')}, each with what was seen
                  and what is usual
                </summary>
                <Anomalies list={incident.anomalies ?? []} />
              </details>
            </Panel>
          )}
        </div>
      )}
    </Show>
  );
};

export const useIncidents = (state: string) =>
  useResource<{ incidents: Incident[] }>(
    withQuery('/incidents', { ...rangeQuery(useRange()), state, limit: 50 }),
  );

export const IncidentsView = () => {
  const state = useParameter('state', 'all');
  const answer = useIncidents(state);
  return (
    <Panel title="Incidents">
      <Choices name="state" values={['open', 'closed', 'all']} current={state} />
      <Show of={answer} size="l">
        {list =>
          list.incidents.length === 0 ? (
            <Empty title={text.empty.noIncidents} help={text.empty.noServicesHelp} />
          ) : (
            <div class="stack">
              {list.incidents.map(incident => (
                <article key={incident.id} class={`story story-${levelOf(incident.severity)}`}>
                  <IncidentHead incident={incident} linked />
                  <p class="muted small">{plural(incident.affected?.length ?? 0, 'service')} affected</p>
                </article>
              ))}
            </div>
          )
        }
      </Show>
    </Panel>
  );
};
