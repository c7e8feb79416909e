/** One suggestion: the change as a diff, the commands, the predicted effect, what would make it wrong, the decision. */
import type { EffectRange, LoadChange, Suggestion } from '../api/types.ts';
import { duration, percent, rate } from '../format.ts';
import { Command, Fact, Moment, Panel } from '../parts/basics.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { Bar } from '../parts/bar.tsx';
import { incidentHref, suggestionHref, useParameter, change } from '../state/router.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';
import { Decision, TakeBack } from './decision.tsx';
import { DryRunPart } from './dry-run.tsx';
import { Outcome, RecordLine } from './outcome.tsx';
import { LanguageChoice, WrittenChange, languages } from './written.tsx';

const words = text.suggestion;

const Prediction = (props: { name: string; effect: EffectRange; format: (v: number | null) => string }) => {
  const { effect, format } = props;
  return (
    <Fact name={props.name}>
      <span class="from">{format(effect.now)}</span>
      <span aria-label="becomes"> → </span>
      <strong>{format(effect.predicted)}</strong>
      {(effect.low !== null || effect.high !== null) && (
        <span class="muted small">
          {' '}
          ({format(effect.low)} to {format(effect.high)})
        </span>
      )}
    </Fact>
  );
};

const LoadRow = ({ load, widest }: { load: LoadChange; widest: number }) => (
  <li>
    <span class="load-target" title={load.target}>
      {load.target}
    </span>
    <Bar
      now={load.now_rate ?? 0}
      then={load.predicted_rate ?? 0}
      mark={load.highest_seen_rate}
      widest={widest}
    />
    <span class="small">
      {rate(load.now_rate)} → <strong>{rate(load.predicted_rate)}</strong>
      <span class="muted"> · has borne {rate(load.highest_seen_rate)}</span>
    </span>
  </li>
);

const Effect = ({ suggestion }: { suggestion: Suggestion }) => {
  const { effect, capacity } = suggestion;
  const load = effect?.load ?? [];
  const calls = suggestion.kind === 'set_timeout'; // the effect is on the calls, and on who waits for them
  const widest = Math.max(
    0,
    ...load.flatMap(l => [l.now_rate ?? 0, l.predicted_rate ?? 0, l.highest_seen_rate ?? 0]),
  );
  return (
    <div class="effect">
      <dl class="facts">
        {effect?.error_ratio && (
          <Prediction
            name={calls ? words.failingCalls : words.failing}
            effect={effect.error_ratio}
            format={percent}
          />
        )}
        {effect?.p99_s && (
          <Prediction name={calls ? words.p99OfCaller : words.p99} effect={effect.p99_s} format={duration} />
        )}
        {suggestion.confidence !== null && (
          <Fact name={words.confidence}>{percent(suggestion.confidence)}</Fact>
        )}
        {suggestion.blast_radius && <Fact name={words.blast}>{suggestion.blast_radius}</Fact>}
        {suggestion.expires_ms !== null && suggestion.state === 'open' && (
          <Fact name={words.expires}>
            <Moment ms={suggestion.expires_ms} />
          </Fact>
        )}
      </dl>
      {(load.length > 0 || capacity) && (
        <div class="capacity">
          <h3>{words.capacity}</h3>
          {capacity && (
            <p>
              <span class={`pill ${capacity.fits ? 'tone-ok' : 'tone-warning'}`}>
                {capacity.fits ? '✓ fits' : capacity.fits === false ? '▲ does not fit' : '? not known'}
              </span>{' '}
              {capacity.sentence}
            </p>
          )}
          {load.length > 0 && (
            <ul class="loads">
              {load.map(item => (
                <LoadRow key={item.target} load={item} widest={widest} />
              ))}
            </ul>
          )}
        </div>
      )}
    </div>
  );
};

export const StatePill = ({ state }: { state: string }) => <span class={`pill pill-${state}`}>{state}</span>;

/** `brief`: on the overview the objects are folded to the diff of each. */
export const SuggestionCard = ({
  suggestion,
  linked = true,
}: {
  suggestion: Suggestion;
  linked?: boolean;
}) => {
  const abstains = suggestion.kind === 'none';
  return (
    <article class="suggestion" data-suggestion={String(suggestion.id)}>
      <header>
        <StatePill state={suggestion.state} />
        <h3>
          {linked ? (
            <a href={suggestionHref(suggestion.id)} data-nav>
              {suggestion.title || words.none}
            </a>
          ) : (
            suggestion.title || words.none
          )}
        </h3>
        {suggestion.mesh && !abstains && <span class="muted small">for {suggestion.mesh}</span>}
      </header>
      <p>{suggestion.sentence}</p>
      {suggestion.decided_ms != null && (
        <p class="decided">
          {['accepted', 'dismissed'].includes(suggestion.state) ? suggestion.state : 'decided'}{' '}
          <Moment ms={suggestion.decided_ms} />
          {suggestion.reason ? `: ${suggestion.reason}` : ', no reason given'}
        </p>
      )}
      <Outcome suggestion={suggestion} />
      {!abstains && <Effect suggestion={suggestion} />}
      {!abstains && <RecordLine kind={suggestion.kind} />}
      {!abstains && !linked && <DryRunPart suggestion={suggestion} />}
      <WrittenChange written={suggestion} />
      {suggestion.read && suggestion.objects.some(object => object.before === null) && (
        <details>
          <summary>{words.live}</summary>
          <Command
            label={words.liveDiff}
            value={`seismesh suggestions show ${suggestion.id} --as ${suggestion.mesh} --live`}
          />
          <Command label={words.liveRead} value={suggestion.read.trim()} />
        </details>
      )}
      {suggestion.beside && (
        <section class="beside">
          <h3>
            {words.beside} {suggestion.beside.mesh}
          </h3>
          <WrittenChange written={suggestion.beside} />
        </section>
      )}
      {suggestion.wrong_if?.length > 0 && (
        <div class="wrong-if">
          <h3>{words.wrongIf}</h3>
          <ul>
            {suggestion.wrong_if.map(line => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </div>
      )}
      {suggestion.decided_ms != null && suggestion.state !== 'expired' && (
        <TakeBack suggestion={suggestion} />
      )}
      {suggestion.state === 'open' && !abstains && (
        <>
          <Decision suggestion={suggestion} />
          <p class="muted small">{words.note}</p>
        </>
      )}
    </article>
  );
};

export const SuggestionView = () => {
  const id = useParameter('id');
  const as = useParameter('as', 'stored');
  const known = languages.includes(as) ? `?as=${as}` : '';
  const answer = useResource<Suggestion>(`/suggestions/${encodeURIComponent(id)}${known}`);
  return (
    <Panel
      title={`Suggestion ${id}`}
      aside={
        answer.data?.incident != null && (
          <a href={incidentHref(answer.data.incident)}>Incident #{String(answer.data.incident)}</a>
        )
      }
    >
      <Show of={answer} size="l">
        {suggestion => (
          <>
            {suggestion.kind !== 'none' && <LanguageChoice current={known ? as : 'stored'} />}
            <SuggestionCard suggestion={suggestion} linked={false} />
          </>
        )}
      </Show>
    </Panel>
  );
};

const states = ['open', 'accepted', 'dismissed', 'seen', 'verified', 'refuted', 'expired', 'all'];

export const SuggestionsView = () => {
  const state = useParameter('state', 'all');
  const answer = useResource<{ suggestions: Suggestion[] }>(
    `/suggestions?state=${encodeURIComponent(state)}&limit=50`,
  );
  return (
    <Panel title="Suggestions">
      <Choices name="state" values={states} current={state} />
      <Show of={answer} size="l">
        {list =>
          list.suggestions.length === 0 ? (
            <Empty title={text.empty.noSuggestions} help={text.empty.noSuggestionsHelp} />
          ) : (
            <div class="stack">
              {list.suggestions.map(suggestion => (
                <SuggestionCard key={suggestion.id} suggestion={suggestion} />
              ))}
            </div>
          )
        }
      </Show>
    </Panel>
  );
};

export const Choices = ({ name, values, current }: { name: string; values: string[]; current: string }) => (
  <div class="filters" role="group" aria-label={name}>
    {values.map(value => (
      <button
        key={value}
        type="button"
        class="chip"
        aria-pressed={value === current}
        onClick={() => change({ [name]: value }, true)}
      >
        {value}
      </button>
    ))}
  </div>
);
