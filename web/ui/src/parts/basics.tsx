/** Small pieces that many views share. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { moment, clock, longDuration } from '../format.ts';
import { useZone } from '../state/time.ts';
import { serviceHref } from '../state/router.ts';

export const Panel = (props: {
  title?: ComponentChildren;
  aside?: ComponentChildren;
  children: ComponentChildren;
  class?: string;
  id?: string;
}) => (
  <section class={`panel ${props.class ?? ''}`} id={props.id}>
    {(props.title || props.aside) && (
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.aside && <div class="panel-aside">{props.aside}</div>}
      </header>
    )}
    {props.children}
  </section>
);

/** "cartservice" strong, its namespace and cluster quiet. */
export const ServiceName = ({ id }: { id: string }) => {
  const at = id.lastIndexOf('@');
  const bare = at > 0 ? id.slice(0, at) : id;
  const slash = bare.indexOf('/');
  return (
    <span class="service-name" title={id}>
      <bdi class="service-own">{slash >= 0 ? bare.slice(slash + 1) : bare}</bdi>
      {(slash > 0 || at > 0) && (
        <bdi class="service-space">
          {slash > 0 ? bare.slice(0, slash) : ''}
          {at > 0 ? ` @${id.slice(at + 1)}` : ''}
        </bdi>
      )}
    </span>
  );
};

export const ServiceLink = ({ id }: { id: string }) => (
  <a href={serviceHref(id)} class="quiet">
    <ServiceName id={id} />
  </a>
);

export const Moment = ({ ms, short = false }: { ms: number | null | undefined; short?: boolean }) => {
  const zone = useZone();
  if (ms === null || ms === undefined) return <span>–</span>;
  return (
    <time dateTime={Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : undefined} title={moment(ms, zone)}>
      {short ? clock(ms, zone) : moment(ms, zone)}
    </time>
  );
};

export const Span_ = ({ from, to }: { from: number; to: number }) => (
  <span>{longDuration((to - from) / 1000)}</span>
);

/** Copies text; falls back to selecting it where the clipboard is closed to pages without TLS. */
export const Copy = ({ value, label = 'Copy' }: { value: string; label?: string }) => {
  const [done, setDone] = useState<'' | 'copied' | 'failed'>('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(value);
      setDone('copied');
    } catch {
      setDone('failed');
    }
    setTimeout(() => setDone(''), 2000);
  };
  return (
    <button
      type="button"
      class="button button-small"
      onClick={() => void copy()}
      aria-label={`${label}: ${value.slice(0, 80)}`}
    >
      <span aria-live="polite">
        {done === 'copied' ? 'Copied' : done === 'failed' ? 'Select and copy' : label}
      </span>
    </button>
  );
};

export const Command = ({ value, label }: { value: string; label: string }) => (
  <div class="command">
    <div class="command-head">
      <span>{label}</span>
      <Copy value={value} />
    </div>
    <pre tabIndex={0}>{value}</pre>
  </div>
);

export const Fact = ({
  name,
  children,
  tone,
}: {
  name: string;
  children: ComponentChildren;
  tone?: string;
}) => (
  <div class={`fact ${tone ? `tone-${tone}` : ''}`}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
