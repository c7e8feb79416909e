/** What the server pushes: its status after each checkpoint, incidents and suggestions when they change.
 *  Falls back to asking every few seconds when the stream cannot be had; rests while the page is hidden. */
import { useEffect, useState } from 'preact/hooks';
import { Problem, get, type ProblemKind } from '../api/client.ts';
import type { Status } from '../api/types.ts';

export type Link = 'connecting' | 'live' | 'polling' | 'paused' | 'lost' | 'broken' | 'starting';

export interface Live {
  link: Link;
  status: Status | null;
  /** When this browser received `status`. */
  received_ms: number;
  problem: Problem | null;
  /** Grows whenever documents may have changed: views ask again. */
  revision: number;
}

/** Views ask again at most this often, however fast checkpoints come (a replay at full speed). */
const refresh_ms = 2_000;
const poll_ms = 5_000;
/** With a stream the question is only a heartbeat. */
const heartbeat_ms = 20_000;
const pollWhileBroken_ms = 2_000;
const retryStream_ms = 30_000;

let state: Live = { link: 'connecting', status: null, received_ms: 0, problem: null, revision: 0 };
const listeners = new Set<() => void>();
let source: EventSource | null = null;
let pollTimer: ReturnType<typeof setTimeout> | undefined;
let refreshTimer: ReturnType<typeof setTimeout> | undefined;
let streamAllowedAt_ms = 0;
let paused = false;

const linkAfter: Partial<Record<ProblemKind, Link>> = { starting: 'starting', unreachable: 'lost' };

const set = (change: Partial<Live>): void => {
  state = { ...state, ...change };
  listeners.forEach(listener => listener());
};

const refreshSoon = (): void => {
  refreshTimer ??= setTimeout(() => {
    refreshTimer = undefined;
    if (!paused) set({ revision: state.revision + 1 });
  }, refresh_ms);
};

const accept = (status: Status, link: Link): void => {
  // The way back from "unreachable" or "starting": everything on the page is asked again at once.
  const recovered = state.problem !== null;
  set({
    status,
    received_ms: Date.now(),
    problem: null,
    link,
    revision: state.revision + (recovered ? 1 : 0),
  });
};

const closeStream = (): void => {
  source?.close();
  source = null;
};

const openStream = (): void => {
  if (source || paused || document.hidden || Date.now() < streamAllowedAt_ms) return;
  const stream = new EventSource('/api/v1/stream');
  source = stream;
  stream.addEventListener('open', () => set({ link: 'live' }));
  stream.addEventListener('checkpoint', event => {
    try {
      accept(JSON.parse((event as MessageEvent<string>).data) as Status, 'live');
      refreshSoon();
    } catch {
      closeStream(); // not our server's stream: polling takes over
    }
  });
  stream.addEventListener('incident', refreshSoon);
  stream.addEventListener('suggestion', refreshSoon);
  stream.addEventListener('error', () => {
    closeStream();
    streamAllowedAt_ms = Date.now() + retryStream_ms;
    void poll();
  });
};

/** Asks for the status once and arranges the next time. */
const poll = async (): Promise<void> => {
  clearTimeout(pollTimer);
  const before = state.status?.checkpoint.count;
  try {
    const status = await get<Status>('/status');
    accept(status, source && state.link === 'live' ? 'live' : paused ? 'paused' : 'polling');
    if (status.checkpoint?.count !== before) refreshSoon();
    openStream();
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem('server', String(error), 0);
    closeStream();
    streamAllowedAt_ms = 0; // as soon as it answers again the stream is tried again
    set({ problem, link: linkAfter[problem.kind] ?? 'broken' });
  }
  if (document.hidden || paused) return;
  const wait = state.problem ? pollWhileBroken_ms : source ? heartbeat_ms : poll_ms;
  pollTimer = setTimeout(() => void poll(), wait);
};

export const retryNow = (): void => {
  streamAllowedAt_ms = 0;
  set({ revision: state.revision + 1 });
  void poll();
};

export const setPaused = (value: boolean): void => {
  if (paused === value) return;
  paused = value;
  if (paused) {
    closeStream();
    clearTimeout(pollTimer);
    set({ link: 'paused' });
  } else retryNow();
};

export const startLive = (): void => {
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      closeStream();
      clearTimeout(pollTimer);
    } else retryNow();
  });
  void poll();
};

export const useLive = (): Live => {
  const [, redraw] = useState(0);
  useEffect(() => {
    const update = (): void => redraw(n => n + 1);
    listeners.add(update);
    update();
    return () => void listeners.delete(update);
  }, []);
  return state;
};
