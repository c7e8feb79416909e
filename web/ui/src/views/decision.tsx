/** What a person decides about a suggestion: accept, dismiss, or take the decision back. */
import { useState } from 'preact/hooks';
import type { Suggestion } from '../api/types.ts';
import { Problem, post } from '../api/client.ts';
import { retryNow } from '../state/live.ts';
import { text } from '../strings.ts';

const words = text.suggestion;

export const Decision = ({ suggestion }: { suggestion: Suggestion }) => {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const decide = async (verb: 'accept' | 'dismiss'): Promise<void> => {
    setBusy(true);
    setFailure('');
    try {
      await post<Suggestion>(
        `/suggestions/${encodeURIComponent(String(suggestion.id))}/${verb}`,
        reason ? { reason } : {},
      );
    } catch (error) {
      const problem = error instanceof Problem ? error : null;
      setFailure(`${text.problem[problem?.kind ?? 'server']}. ${problem?.message ?? ''}`);
    }
    setBusy(false);
    retryNow(); // the decision shows in every list; after a refusal, so does its reason
  };
  return (
    <div class="decision">
      <label>
        <span class="small muted">{words.reason}</span>
        <input
          type="text"
          name="reason"
          maxLength={500}
          value={reason}
          onInput={event => setReason(event.currentTarget.value)}
          autocomplete="off"
        />
      </label>
      <button
        type="button"
        class="button button-strong"
        disabled={busy}
        onClick={() => void decide('accept')}
      >
        {words.accept}
      </button>
      <button type="button" class="button" disabled={busy} onClick={() => void decide('dismiss')}>
        {words.dismiss}
      </button>
      {failure && (
        <p class="tone-critical" role="alert">
          {failure}
        </p>
      )}
    </div>
  );
};

/** A decision can be taken back as long as the suggestion has not expired; the server says so when it has. */
export const TakeBack = ({ suggestion }: { suggestion: Suggestion }) => {
  const [failure, setFailure] = useState('');
  const takeBack = async (): Promise<void> => {
    setFailure('');
    try {
      await post<Suggestion>(`/suggestions/${encodeURIComponent(String(suggestion.id))}/reopen`, {});
    } catch (error) {
      const problem = error instanceof Problem ? error : null;
      setFailure(`${text.problem[problem?.kind ?? 'server']}. ${problem?.message ?? ''}`);
    }
    retryNow();
  };
  return (
    <div class="decision">
      <button type="button" class="button button-small" onClick={() => void takeBack()}>
        {words.reopen}
      </button>
      {failure && (
        <p class="tone-critical" role="alert">
          {failure}
        </p>
      )}
    </div>
  );
};
