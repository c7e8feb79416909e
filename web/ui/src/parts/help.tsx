/** What the keys do. */
import { useEffect, useRef } from 'preact/hooks';
import { text } from '../strings.ts';

export const Help = ({ close }: { close: () => void }) => {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-label="Keyboard" onClose={close}>
      <h2>Keys</h2>
      <dl>
        {text.keys.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              {keys
                .split(' ')
                .filter(Boolean)
                .map(key => (
                  <kbd key={key}>{key}</kbd>
                ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
};
