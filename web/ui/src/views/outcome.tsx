/** What came of a suggestion: seen in the telemetry, predicted against observed, and how such suggestions fared so far. */
import type { Foretold, TrackRecord, Verified } from '../api/outcomes.ts';
import type { Suggestion } from '../api/types.ts';
import { duration, percent } from '../format.ts';
import { Command, Moment } from '../parts/basics.tsx';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';

const words = text.suggestion;
const tones = { helped: 'ok', no_effect: 'warning', harmed: 'critical' };

const FigureRow = (props: {
  name: string;
  before: number | null;
  predicted: Foretold | null;
  observed: number | null;
  inside: boolean | null;
  format: (value: number | null) => string;
}) => {
  const { predicted, format } = props;
  return (
    <tr>
      <th scope="row">{props.name}</th>
      <td>{format(props.before)}</td>
      <td>
        {predicted === null ? (
          '–'
        ) : (
          <>
            {format(predicted.predicted)}{' '}
            <span class="muted small">
              ({format(predicted.low)} to {format(predicted.high)})
            </span>
          </>
        )}
      </td>
      <td>
        <strong>{format(props.observed)}</strong>{' '}
        {props.inside !== null && (
          <span class={props.inside ? 'tone-ok' : 'tone-warning'}>
            {props.inside ? words.inside : words.outside}
          </span>
        )}
      </td>
    </tr>
  );
};

const Comparison = ({ verified, calls }: { verified: Verified; calls: boolean }) => {
  const { before, predicted, observed } = verified;
  return (
    <table class="comparison">
      <thead>
        <tr>
          <th scope="col">{words.figure}</th>
          <th scope="col">{words.before}</th>
          <th scope="col">{words.predicted}</th>
          <th scope="col">{words.observed}</th>
        </tr>
      </thead>
      <tbody>
        <FigureRow
          name={calls ? words.failingCalls : words.failing}
          before={before.error_ratio}
          predicted={predicted.error_ratio}
          observed={observed.error_ratio}
          inside={observed.inside.error_ratio}
          format={percent}
        />
        <FigureRow
          name={calls ? words.p99OfCaller : words.p99}
          before={before.p99_s}
          predicted={predicted.p99_s}
          observed={observed.p99_s}
          inside={observed.inside.p99_s}
          format={duration}
        />
      </tbody>
    </table>
  );
};

/** One line: how suggestions of this kind fared since ever. */
export const RecordLine = ({ kind }: { kind: string }) => {
  const { data } = useResource<TrackRecord>('/track-record');
  const fates = data?.kinds.find(row => row.kind === kind);
  if (!fates) return null;
  const verified =
    fates.verified === 0
      ? words.recordNone
      : `${fates.verified} verified: ${fates.helped} helped, ${fates.no_effect} without clear effect, ${fates.harmed} did harm; ` +
        `${fates.inside} of ${fates.compared} figures as predicted`;
  return (
    <p class="muted small record">
      {words.record}: {fates.proposed} suggested, {fates.seen} seen applied, {verified}
    </p>
  );
};

export const Outcome = ({ suggestion }: { suggestion: Suggestion }) => {
  const { seen, waits_for, verified } = suggestion;
  if (!seen) return null;
  return (
    <section class="outcome" aria-label={words.outcome}>
      <h3>
        {words.outcome}{' '}
        {verified && (
          <span class={`pill tone-${tones[verified.verdict]}`}>{words.verdict[verified.verdict]}</span>
        )}
      </h3>
      <p>
        {seen.sentence}
        {waits_for ? `; ${waits_for.sentence}` : ''}.
      </p>
      {verified && (
        <>
          <p class="small">
            {verified.requests.toLocaleString('en')} requests from{' '}
            <Moment ms={verified.window.start_ms} short /> to <Moment ms={verified.window.end_ms} short />
          </p>
          <Comparison verified={verified} calls={suggestion.kind === 'set_timeout'} />
          {verified.undo && <Command value={verified.undo} label={words.takeBack} />}
        </>
      )}
    </section>
  );
};
