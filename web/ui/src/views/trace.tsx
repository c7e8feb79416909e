/** One trace as a waterfall: who waited for whom, how long, and where it failed. */
import { useMemo, useState } from 'preact/hooks';
import type { Span, Trace } from '../api/types.ts';
import { duration, exact, plural } from '../format.ts';
import { Copy, Fact, Moment, Panel, ServiceLink } from '../parts/basics.tsx';
import { ShareBar } from '../parts/bar.tsx';
import { Glyph } from '../parts/health.tsx';
import { Empty, Show } from '../parts/states.tsx';
import { change, useParameter } from '../state/router.ts';
import { useResource } from '../state/resource.ts';
import { shortName } from '../graph/service-graph.tsx';
import { waterfall, type Row } from './waterfall.ts';

/** Beyond this many rows the browser would be busy for seconds; the rest opens on demand. */
const page = 500;
const colours = 8;

const colourOf = (services: string[]): Map<string, string> =>
  new Map([...new Set(services)].map((service, i) => [service, `fill-service-${i % colours}`]));

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

const Attributes = ({ title, of }: { title: string; of: Record<string, unknown> | undefined }) => {
  const entries = Object.entries(of ?? {});
  if (entries.length === 0) return null;
  return (
    <>
      <h4>{title}</h4>
      <dl class="attributes">
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{asText(value)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
};

const Details = ({ span }: { span: Span }) => (
  <div class="span-details">
    <dl class="facts">
      <Fact name="Service">
        <ServiceLink id={span.service} />
      </Fact>
      <Fact name="Kind">{span.kind}</Fact>
      <Fact name="Status">
        {span.status}
        {span.status_message ? `: ${span.status_message}` : ''}
      </Fact>
      <Fact name="Span id">
        <span class="mono">{span.span_id}</span>
      </Fact>
    </dl>
    <Attributes title="Attributes" of={span.attributes} />
    {(span.events ?? []).map((event, i) => (
      <Attributes key={i} title={`Event: ${event.name}`} of={event.attributes ?? { name: event.name }} />
    ))}
    <Attributes title="Resource" of={span.resource} />
  </div>
);

const SpanRow = (props: { row: Row; total: number; tone: string; open: boolean }) => {
  const { row, total, tone, open } = props;
  const { span } = row;
  const toggle = (): void => change({ span: open ? null : span.span_id }, true);
  return (
    <li class={`span-row ${row.critical ? 'span-critical' : ''}`}>
      <button type="button" class="span-line" aria-expanded={open} onClick={toggle} data-nav>
        <span class={`span-name indent-${Math.min(row.depth, 12)}`}>
          {span.status === 'error' && <Glyph level="critical" size={13} />}
          <span class={`swatch ${tone}`} aria-hidden="true" />
          <bdi class="span-service" title={span.service}>
            {shortName(span.service)}
          </bdi>{' '}
          <bdi class="muted">{span.name}</bdi>
          {row.orphan && <em class="muted small"> parent not received</em>}
        </span>
        <ShareBar
          start={total > 0 ? row.start_s / total : 0}
          share={total > 0 ? row.duration_s / total : 0}
          tone={span.status === 'error' ? 'fill-critical' : tone}
        />
        <span class="span-time">{duration(row.duration_s)}</span>
      </button>
      {open && <Details span={span} />}
    </li>
  );
};

const Rows = ({ trace }: { trace: Trace }) => {
  const [shown, setShown] = useState(page);
  const open = useParameter('span');
  const { rows, duration_s } = useMemo(() => waterfall(trace.spans), [trace]);
  const tones = useMemo(() => colourOf(trace.spans.map(span => span.service)), [trace]);
  return (
    <>
      <div class="waterfall-scale muted small" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map(share => (
          <span key={share}>{duration(duration_s * share)}</span>
        ))}
      </div>
      <ol class="waterfall">
        {rows.slice(0, shown).map(row => (
          <SpanRow
            key={row.span.span_id}
            row={row}
            total={duration_s}
            tone={tones.get(row.span.service) ?? 'fill-accent'}
            open={open === row.span.span_id}
          />
        ))}
      </ol>
      {rows.length > shown && (
        <button type="button" class="button" onClick={() => setShown(shown + page)}>
          Show {plural(rows.length - shown, 'more span', 'more spans')}
        </button>
      )}
    </>
  );
};

export const TraceView = () => {
  const id = useParameter('id');
  const answer = useResource<Trace>(`/traces/${encodeURIComponent(id)}`);
  return (
    <Show of={answer} size="l">
      {trace => {
        const failed = trace.spans.filter(span => span.status === 'error').length;
        return (
          <Panel
            title={
              <>
                Trace <span class="mono">{trace.trace_id}</span>
              </>
            }
            aside={<Copy value={trace.trace_id} label="Copy id" />}
          >
            <dl class="facts">
              <Fact name="Began">
                <Moment ms={trace.start_ms} />
              </Fact>
              <Fact name="Duration">{duration(trace.duration_s)}</Fact>
              <Fact name="Spans">{trace.spans.length}</Fact>
              <Fact name="Services">{new Set(trace.spans.map(span => span.service)).size}</Fact>
              <Fact name="Failed spans" {...(failed > 0 ? { tone: 'critical' } : {})}>
                {failed}
              </Fact>
            </dl>
            {trace.spans.length === 0 ? (
              <Empty title="This trace has no spans any more: retention took them." />
            ) : (
              <Rows trace={trace} />
            )}
            {trace.truncated && (
              <p class="notice">
                Only the first {exact(trace.spans.length)} of {exact(trace.span_count)} spans are shown.
              </p>
            )}
            <p class="muted small">
              Bold bars lie on the critical path: shortening any other span would not make the request faster.
            </p>
          </Panel>
        );
      }}
    </Show>
  );
};
