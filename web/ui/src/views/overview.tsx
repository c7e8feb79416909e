/** The first page: is my mesh healthy, what broke, what to do now. */
import type { Incident, Status, Suggestion } from '../api/types.ts';
import { exact, plural } from '../format.ts';
import { Moment, Panel } from '../parts/basics.tsx';
import { Badge, Glyph, levelOf } from '../parts/health.tsx';
import { Empty, ProblemView, Show, Skeleton } from '../parts/states.tsx';
import { href, incidentHref } from '../state/router.ts';
import { useLive } from '../state/live.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { Known } from './answers.tsx';
import { IncidentHead } from './incident.tsx';
import { MapPanel } from './map.tsx';
import { ServiceTable, useServices } from './services.tsx';
import { SuggestionCard } from './suggestion.tsx';
import { Welcome } from './welcome.tsx';

const mostStories = 5;

const Counts = () => {
  const { data } = useServices();
  if (!data) return null;
  const many = (level: string): number => data.services.filter(service => service.health === level).length;
  return (
    <p class="counts">
      {(['critical', 'warning', 'ok', 'idle'] as const).map(level => (
        <a key={level} href={href('/services', { health: level })} class={many(level) ? '' : 'zero'}>
          <Badge level={level} word={`${exact(many(level))} ${text.health[level]}`} />
        </a>
      ))}
    </p>
  );
};

const Learning = ({ status }: { status: Status }) =>
  status.learning && !status.learning.done ? (
    <p class="muted small">
      {text.empty.learning}: {exact(status.learning.have_buckets)} of {exact(status.learning.need_buckets)}{' '}
      windows. No verdict is given before that
      {status.learning.first_verdict_ms ? (
        <>
          ; the first about <Moment ms={status.learning.first_verdict_ms} short />.
        </>
      ) : (
        '.'
      )}
    </p>
  ) : null;

const Health = ({ status }: { status: Status }) => (
  <section class={`hero hero-${levelOf(status.health.level)}`} aria-label="Health of the mesh">
    <Glyph level={levelOf(status.health.level)} size={34} />
    <div>
      <h1 id="sentence" aria-live="polite">
        {status.health.sentence}
      </h1>
      <Counts />
      <Learning status={status} />
    </div>
  </section>
);

const Stories = (props: { incidents: Incident[]; known: Incident[]; heading: string }) => (
  <Panel title={props.heading} aside={<a href={href('/incidents')}>All incidents</a>}>
    <div class="stack">
      <Known incidents={props.known} />
      {props.incidents.slice(0, mostStories).map(incident => (
        <article key={incident.id} class={`story story-${levelOf(incident.severity)}`}>
          <IncidentHead incident={incident} linked />
          <p class="small">
            <span class="muted">{plural(incident.affected?.length ?? 0, 'service')} affected.</span>{' '}
            <a href={incidentHref(incident.id)}>The whole story</a>
          </p>
        </article>
      ))}
      {props.incidents.length > mostStories && (
        <a href={href('/incidents')}>+{props.incidents.length - mostStories} more</a>
      )}
    </div>
  </Panel>
);

const WhatBroke = () => {
  // Whatever the range: what is open now must not be hidden by it.
  const answer = useResource<{ incidents: Incident[] }>('/incidents?state=all&limit=20');
  return (
    <Show of={answer} size="m">
      {({ incidents }) => {
        const open = incidents.filter(incident => incident.state === 'open');
        const known = open.filter(incident => incident.answered);
        const broken = open.filter(incident => !incident.answered);
        const before = incidents.filter(incident => incident.state !== 'open').slice(0, 3);
        if (broken.length > 0) return <Stories incidents={broken} known={known} heading="What broke" />;
        if (known.length > 0)
          return <Stories incidents={before} known={known} heading="Nothing new is broken" />;
        if (before.length > 0)
          return <Stories incidents={before} known={[]} heading="Nothing is broken now. Before" />;
        return (
          <Panel title="What broke">
            <Empty
              title="Nothing in this time range."
              help="When something does, its story stands here: who caused it, the evidence, and what would help."
            />
          </Panel>
        );
      }}
    </Show>
  );
};

/** Open proposals first; an abstention is shown only when there is nothing better. */
const order = (list: Suggestion[]): Suggestion[] => {
  const open = list.filter(item => item.state === 'open');
  const firm = open.filter(item => item.kind !== 'none');
  return (firm.length > 0 ? firm : open).slice(0, 2);
};

const WhatToDo = () => {
  const answer = useResource<{ suggestions: Suggestion[] }>('/suggestions?state=open&limit=20');
  const list = order(answer.data?.suggestions ?? []);
  if (list.length === 0)
    return answer.problem && !answer.data ? <ProblemView problem={answer.problem} /> : null;
  return (
    <Panel title="What to do now" aside={<a href={href('/suggestions')}>All suggestions</a>}>
      <div class="stack">
        {list.map(suggestion => (
          <SuggestionCard key={suggestion.id} suggestion={suggestion} />
        ))}
      </div>
    </Panel>
  );
};

export const Overview = () => {
  const { status, problem } = useLive();
  if (!status)
    return problem ? (
      <ProblemView problem={problem} />
    ) : (
      <Skeleton size="l" label="Loading the state of the mesh" />
    );
  if (status.health.level === 'empty' || status.event_time_ms === null) return <Welcome status={status} />;
  return (
    <div class="stack">
      <Health status={status} />
      <div class="overview">
        <div class="stack">
          <WhatBroke />
          <WhatToDo />
        </div>
        <div class="stack">
          <MapPanel whole={false} />
          <Panel title="Services" id="services" aside={<a href={href('/services')}>All columns</a>}>
            <ServiceTable brief />
          </Panel>
        </div>
      </div>
    </div>
  );
};
