/** A document of the API as a view sees it: the last good answer stays while a newer one is on its way. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem, get } from '../api/client.ts';
import { useLive } from './live.ts';

export interface Resource<T> {
  data: T | null;
  problem: Problem | null;
  loading: boolean;
}

/** Last answers by path: going back shows at once what was there, then renews it. */
const memory = new Map<string, unknown>();
const remembered = 60;

const remember = (path: string, data: unknown): void => {
  memory.delete(path);
  memory.set(path, data);
  const oldest = memory.keys().next().value;
  if (memory.size > remembered && oldest !== undefined) memory.delete(oldest);
};

/** Asks for `path` (null: nothing), and again whenever the server says that something changed. */
export const useResource = <T>(path: string | null): Resource<T> => {
  const { revision } = useLive();
  const [answer, setAnswer] = useState<{ path: string | null } & Resource<T>>({
    path: null,
    data: null,
    problem: null,
    loading: true,
  });
  const running = useRef<AbortController | null>(null);
  const asked = useRef<string | null>(null);

  useEffect(() => {
    if (path === null) return;
    // A slow answer is not cut off by the next checkpoint, or it would never arrive.
    if (running.current && asked.current === path) return;
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    asked.current = path;
    get<T>(path, stop.signal)
      .then(data => {
        remember(path, data);
        // The same answer again keeps the same object, so that nothing is drawn anew under somebody's mouse.
        setAnswer(old => {
          const same = old.path === path && JSON.stringify(old.data) === JSON.stringify(data);
          return { path, data: same ? old.data : data, problem: null, loading: false };
        });
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem('server', String(error), 0);
        setAnswer(old => ({ path, data: old.path === path ? old.data : null, problem, loading: false }));
      })
      .finally(() => {
        if (running.current === stop) running.current = null;
      });
  }, [path, revision]);

  useEffect(() => () => running.current?.abort(), []);

  if (answer.path === path) return answer;
  const old = path === null ? undefined : (memory.get(path) as T | undefined);
  return { data: old ?? null, problem: null, loading: true };
};
