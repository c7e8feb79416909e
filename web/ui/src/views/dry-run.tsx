/** The last minutes again under a suggestion: its sentence, and the series as a table. Asked for by a press only. */
import { useState } from 'preact/hooks';
import type { DryRun, Foretold } from '../api/outcomes.ts';
import type { Suggestion } from '../api/types.ts';
import { duration, percent } from '../format.ts';
import { Moment } from '../parts/basics.tsx';
import { Show } from '../parts/states.tsx';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';

const words = text.suggestion;

const range = (value: Foretold, format: (v: number | null) => string): string =>
  `${format(value.predicted)} (${format(value.low)} to ${format(value.high)})`;

const Series = ({ run }: { run: DryRun }) => (
  <details>
    <summary>{run.points.length} points</summary>
    <div class="scroll">
      <table class="comparison">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Requests</th>
            <th scope="col">{words.failing}</th>
            <th scope="col">would have been</th>
            <th scope="col">{words.p99}</th>
            <th scope="col">would have been</th>
          </tr>
        </thead>
        <tbody>
          {run.points.map(point => (
            <tr key={point.time_ms}>
              <td>
                <Moment ms={point.time_ms} short />
              </td>
              <td>{point.requests}</td>
              <td>{percent(point.before.error_ratio)}</td>
              <td>{range(point.after.error_ratio, percent)}</td>
              <td>{duration(point.before.p99_s)}</td>
              <td>
                {range(point.after.p99_s, duration)}
                {point.beyond ? ' ▲ beyond what was borne' : ''}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </details>
);

export const DryRunPart = ({ suggestion }: { suggestion: Suggestion }) => {
  const [asked, setAsked] = useState(false);
  const path = `/suggestions/${encodeURIComponent(String(suggestion.id))}/dry-run?minutes=15`;
  const answer = useResource<DryRun>(asked ? path : null);
  return (
    <section class="dry-run">
      <h3>{words.dryRun}</h3>
      {asked ? (
        <Show of={answer} size="s">
          {run => (
            <>
              <p>{run.sentence}.</p>
              {run.points.length > 0 && <Series run={run} />}
            </>
          )}
        </Show>
      ) : (
        <p>
          <span class="muted">{words.dryRunHelp}</span>{' '}
          <button type="button" class="button button-small" onClick={() => setAsked(true)}>
            {words.dryRunAsk}
          </button>
        </p>
      )}
    </section>
  );
};
