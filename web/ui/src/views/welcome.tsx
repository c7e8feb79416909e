/** Nothing has arrived yet: the addresses that listen, and one thing to type. */
import type { Status } from '../api/types.ts';
import { Command, Moment, Panel } from '../parts/basics.tsx';
import { Glyph } from '../parts/health.tsx';
import { count } from '../format.ts';
import { text } from '../strings.ts';

const words = text.empty;

/** One span that ends now, by date(1) and curl(1) alone. */
const oneSpan = (http: string): string =>
  [
    'now=$(date +%s)',
    `curl -sS http://${http}/v1/traces -H 'Content-Type: application/json' -d '`,
    '{"resourceSpans":[{',
    '  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"hello"}}]},',
    '  "scopeSpans":[{"spans":[{',
    '    "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET /","kind":2,',
    `    "startTimeUnixNano":"'$now'000000000","endTimeUnixNano":"'$now'050000000"}]}]}]}'`,
  ].join('\n');

const forThisHost = (address: string | null | undefined, port: number): string =>
  (address ?? `127.0.0.1:${port}`).replace(/^(0\.0\.0\.0|\[::\]|\*)/, location.hostname);

export const Welcome = ({ status }: { status: Status }) => {
  const http = forThisHost(status.listen?.otlp_http, 4318);
  const grpc = forThisHost(status.listen?.otlp_grpc, 4317);
  return (
    <Panel class="welcome">
      <h2>
        <Glyph level="empty" size={20} /> {words.title}
      </h2>
      <p class="muted">
        {words.lead} Listening since <Moment ms={status.started_ms} />.
      </p>
      <dl class="facts">
        <div class="fact">
          <dt>OTLP/gRPC</dt>
          <dd class="mono">{status.listen?.otlp_grpc ?? 'off'}</dd>
        </div>
        <div class="fact">
          <dt>OTLP/HTTP</dt>
          <dd class="mono">{status.listen?.otlp_http ?? 'off'}</dd>
        </div>
      </dl>
      <Drops status={status} />
      <Command
        label={words.sdk}
        value={`export OTEL_EXPORTER_OTLP_ENDPOINT=http://${http} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n# or gRPC:\nexport OTEL_EXPORTER_OTLP_ENDPOINT=http://${grpc} OTEL_EXPORTER_OTLP_PROTOCOL=grpc`}
      />
      <Command label={words.curl} value={oneSpan(http)} />
      <Command label={words.replay} value={`seismesh replay FILE.jsonl.gz --to http://${http}`} />
    </Panel>
  );
};

/** If something came but nothing could be used, that is the reason for the empty page. */
const Drops = ({ status }: { status: Status }) => {
  const drops = (status.drops ?? []).filter(drop => drop.value > 0);
  if (drops.length === 0) return null;
  return (
    <div class="notice">
      <p>
        <strong>Something arrived, but none of it could be used:</strong>
      </p>
      <ul>
        {drops.slice(0, 5).map((drop, i) => (
          <li key={i}>
            {count(drop.value)} × <code>{drop.metric}</code> {labelsOf(drop.labels)}
          </li>
        ))}
      </ul>
    </div>
  );
};

export const labelsOf = (labels: Record<string, string> | string | null): string =>
  typeof labels === 'string'
    ? labels
    : Object.entries(labels ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(', ');
