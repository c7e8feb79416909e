/** One way to ask the server: every answer is a document or a `Problem` that can be told to a person. */

export type ProblemKind = 'unreachable' | 'starting' | 'not_found' | 'invalid' | 'conflict' | 'server';

export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const base = '/api/v1';
/** An answer that takes longer than this is told as "unreachable"; the page keeps what it had. */
const patience_ms = 20_000;

const kindOf = (status: number, code: unknown): ProblemKind => {
  if (code === 'starting') return 'starting';
  if (status === 404) return 'not_found';
  if (status === 409) return 'conflict';
  return status >= 400 && status < 500 ? 'invalid' : 'server';
};

const problemFrom = async (response: Response): Promise<Problem> => {
  let code: unknown;
  let message = `The server answered ${response.status} ${response.statusText}`.trim();
  try {
    const document = (await response.json()) as { error?: { code?: unknown; message?: unknown } };
    code = document.error?.code;
    if (typeof document.error?.message === 'string') message = document.error.message;
  } catch {
    // No JSON in the answer (a proxy's error page): the status line says what is known.
  }
  return new Problem(kindOf(response.status, code), message, response.status);
};

const ask = async <T>(path: string, options: RequestInit, signal?: AbortSignal): Promise<T> => {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patience_ms);
  signal?.addEventListener('abort', () => stop.abort());
  try {
    const response = await fetch(base + path, { ...options, signal: stop.signal });
    if (!response.ok) throw await problemFrom(response);
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    if (error instanceof SyntaxError) throw new Problem('server', 'The answer is not valid JSON.', 200);
    throw new Problem('unreachable', 'No answer from the server.', 0);
  } finally {
    clearTimeout(timer);
  }
};

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => ask<T>(path, {}, signal);

/** `X-Seismesh` is the header that no form of another site can send. */
export const post = <T>(path: string, body: unknown): Promise<T> =>
  ask<T>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Seismesh': '1' },
    body: JSON.stringify(body),
  });

export const remove = <T>(path: string): Promise<T> =>
  ask<T>(path, { method: 'DELETE', headers: { 'X-Seismesh': '1' } });

/** `path?a=1&b=2`, leaving out what is empty. */
export const withQuery = (
  path: string,
  query: Record<string, string | number | null | undefined>,
): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parameters.append(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
};
