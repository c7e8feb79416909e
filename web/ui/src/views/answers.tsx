/** What a person says of an incident, with its undo; and why the incident is one. */
import { useState } from 'preact/hooks';
import type { Answer, Explanation } from '../api/explained.ts';
import type { Incident, Suspect } from '../api/types.ts';
import { Problem, post, remove } from '../api/client.ts';
import { plural } from '../format.ts';
import { Moment } from '../parts/basics.tsx';
import { incidentHref } from '../state/router.ts';
import { retryNow } from '../state/live.ts';
import { text } from '../strings.ts';

const words = text.answer;
type Verb = Answer['answer'];
const verbs: Verb[] = ['expected', 'mute', 'wrong'];

/** One change at a time; what went wrong stays until the next try. */
const useChange = () => {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const change = async (ask: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    setFailure('');
    try {
      await ask();
    } catch (error) {
      const problem = error instanceof Problem ? error : null;
      setFailure(`${text.problem[problem?.kind ?? 'server']}. ${problem?.message ?? ''}`);
    }
    setBusy(false);
    retryNow(); // it shows in every list and in the health of the mesh
  };
  return { busy, failure, change };
};

const give = (incident: Incident, body: Record<string, string>) =>
  post<Answer>(`/incidents/${encodeURIComponent(String(incident.id))}/answer`, body);

const takeBack = (answer: Answer) => remove<Answer>(`/answers/${encodeURIComponent(String(answer.id))}`);

/** "expected, says ada: the sale began · undo" */
export const Given = ({ answer }: { answer: Answer }) => {
  const { busy, failure, change } = useChange();
  return (
    <p class="answer-given small">
      <span class="pill">{answer.culprit ? words.notThis : words.state[answer.answer]}</span>{' '}
      {answer.culprit && <span>{answer.culprit} </span>}
      {answer.until_ms !== null && (
        <span>
          until <Moment ms={answer.until_ms} short />{' '}
        </span>
      )}
      {answer.who && <span>says {answer.who} </span>}
      {answer.note && <span class="answer-note">“{answer.note}” </span>}
      <button
        type="button"
        class="button button-small"
        disabled={busy}
        onClick={() => void change(() => takeBack(answer))}
      >
        {words.undo}
      </button>
      {failure && (
        <span role="alert" class="tone-critical">
          {' '}
          {failure}
        </span>
      )}
    </p>
  );
};

/** The buttons, or what was answered. On the incident's own page a reason can be given. */
export const AnswerRow = ({ incident, whole = false }: { incident: Incident; whole?: boolean }) => {
  const { busy, failure, change } = useChange();
  const [note, setNote] = useState('');
  const answers = (incident.answers ?? []).filter(answer => !answer.culprit);
  if (answers.length > 0)
    return (
      <div class="answers">
        {answers.map(answer => (
          <Given key={answer.id} answer={answer} />
        ))}
      </div>
    );
  if (!incident.explanation) return null; // an earlier version told it: there is nothing to be answered
  return (
    <div class="answers" role="group" aria-label={words.group}>
      {incident.answered && <span class="pill">{words.state[incident.answered]}</span>}
      {whole && (
        <label class="answer-reason">
          <span class="small muted">{words.note}</span>
          <input value={note} maxLength={500} onInput={event => setNote(event.currentTarget.value)} />
        </label>
      )}
      {verbs.map(verb => (
        <button
          key={verb}
          type="button"
          class="button"
          disabled={busy}
          title={words.help[verb]}
          onClick={() => void change(() => give(incident, note ? { answer: verb, note } : { answer: verb }))}
        >
          {words.verb[verb]}
        </button>
      ))}
      {failure && (
        <p role="alert" class="tone-critical small">
          {failure}
        </p>
      )}
    </div>
  );
};

/** For one suspect: a person knows that it was not this one. */
export const NotThisOne = ({ incident, suspect }: { incident: Incident; suspect: Suspect }) => {
  const { busy, failure, change } = useChange();
  const said = (incident.answers ?? []).find(answer => answer.culprit === suspect.service);
  if (said) return <Given answer={said} />;
  if (incident.state !== 'open' || !incident.explanation) return null;
  return (
    <>
      <button
        type="button"
        class="button button-small"
        disabled={busy}
        title={words.help.culprit}
        onClick={() => void change(() => give(incident, { answer: 'wrong', culprit: suspect.service }))}
      >
        {words.notThis}
      </button>
      {failure && (
        <span role="alert" class="tone-critical small">
          {failure}
        </span>
      )}
    </>
  );
};

/** The evidence behind the sentence, folded. */
export const Why = ({ explanation }: { explanation: Explanation | null | undefined }) =>
  explanation ? (
    <details class="why">
      <summary>
        {words.why}: {plural(explanation.evidence.length, 'piece')} of evidence,{' '}
        {explanation.cause ? 'a likely cause' : 'cause not established'}
      </summary>
      <ul>
        {explanation.evidence.map(line => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </details>
  ) : null;

/** Open incidents that do not count, since people know of them. */
export const Known = ({ incidents }: { incidents: Incident[] }) =>
  incidents.length === 0 ? null : (
    <div class="known">
      <h3>{words.known}</h3>
      {incidents.map(incident => (
        <div key={incident.id}>
          <a href={incidentHref(incident.id)}>{incident.title}</a>
          <AnswerRow incident={incident} />
        </div>
      ))}
    </div>
  );
