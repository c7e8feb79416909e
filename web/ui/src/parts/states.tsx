/** Loading, broken and empty, each in words and each with the way out. */
import type { ComponentChildren } from 'preact';
import type { Problem } from '../api/client.ts';
import type { Resource } from '../state/resource.ts';
import { retryNow } from '../state/live.ts';
import { text } from '../strings.ts';

/** Keeps the place of what is coming, so that nothing jumps when it arrives. */
export const Skeleton = ({ size = 'm', label }: { size?: 's' | 'm' | 'l'; label?: string }) => (
  <div class={`skeleton skeleton-${size}`} role="status" aria-label={label ?? 'Loading'}>
    <span />
    <span />
    <span />
  </div>
);

const helpFor = (problem: Problem): string =>
  problem.kind === 'unreachable'
    ? text.problem.unreachableHelp
    : problem.kind === 'starting'
      ? text.problem.startingHelp
      : '';

export const ProblemView = ({ problem }: { problem: Problem }) => (
  <div class={`notice ${problem.kind === 'starting' ? 'notice-calm' : 'notice-bad'}`} role="alert">
    <p>
      <strong>{text.problem[problem.kind]}.</strong> {problem.kind === 'unreachable' ? '' : problem.message}
    </p>
    {helpFor(problem) && <p class="muted">{helpFor(problem)}</p>}
    <button type="button" class="button" onClick={retryNow}>
      {text.problem.retry}
    </button>
  </div>
);

export const Empty = ({
  title,
  help,
  children,
}: {
  title: string;
  help?: string;
  children?: ComponentChildren;
}) => (
  <div class="empty">
    <p>
      <strong>{title}</strong>
    </p>
    {help && <p class="muted">{help}</p>}
    {children}
  </div>
);

/** Shows a resource: placeholder, problem, or the view of its data (which stays while a newer one is asked). */
export const Show = <T,>(props: {
  of: Resource<T>;
  size?: 's' | 'm' | 'l';
  children: (data: T) => ComponentChildren;
}) => {
  const { of: resource, size, children } = props;
  if (resource.data === null) {
    return resource.problem ? <ProblemView problem={resource.problem} /> : <Skeleton size={size ?? 'm'} />;
  }
  return (
    <>
      {resource.problem &&
        resource.problem.kind !== 'unreachable' &&
        resource.problem.kind !== 'starting' && <ProblemView problem={resource.problem} />}
      {children(resource.data)}
    </>
  );
};
