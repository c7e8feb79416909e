/** How seismesh itself is doing: what listens, what is stored, what was dropped and why. */
import type { Status } from '../api/types.ts';
import { bytes, count, exact, longDuration, percent } from '../format.ts';
import { Fact, Moment, Panel } from '../parts/basics.tsx';
import { Empty, ProblemView, Skeleton } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { useLive } from '../state/live.ts';
import { labelsOf } from './welcome.tsx';

const Facts = ({ status }: { status: Status }) => (
  <div class="columns">
    <Panel title="Intake">
      <dl class="facts">
        <Fact name="OTLP/gRPC">
          <span class="mono">{status.listen?.otlp_grpc ?? 'off'}</span>
        </Fact>
        <Fact name="OTLP/HTTP">
          <span class="mono">{status.listen?.otlp_http ?? 'off'}</span>
        </Fact>
        <Fact name="Page and API">
          <span class="mono">{status.listen?.web ?? 'off'}</span>
        </Fact>
        <Fact name="Dialects seen">{(status.dialects ?? []).join(', ') || 'none yet'}</Fact>
        <Fact name="Newest event">
          <Moment ms={status.event_time_ms} />
        </Fact>
      </dl>
    </Panel>
    <Panel title="Journal and checkpoint">
      <dl class="facts">
        <Fact name="Checkpoint age">{longDuration(status.checkpoint?.age_s)}</Fact>
        <Fact name="Checkpoints">{exact(status.checkpoint?.count)}</Fact>
        <Fact name="Not folded yet">{bytes(status.journal?.behind_bytes)}</Fact>
        <Fact name="Journal end">{bytes(status.journal?.end)}</Fact>
      </dl>
    </Panel>
    <Panel title="Store">
      <dl class="facts">
        <Fact name="On disk">{bytes(status.store?.bytes)}</Fact>
        <Fact name="Spans">{count(status.store?.spans)}</Fact>
        <Fact name="Traces">{count(status.store?.traces)}</Fact>
        <Fact name="Entities">{count(status.store?.entities)}</Fact>
        <Fact name="Names">{count(status.store?.names)}</Fact>
      </dl>
    </Panel>
    <Panel title="Analyzer">
      <dl class="facts">
        <Fact name="Baselines">
          {status.learning?.done
            ? 'learned'
            : `learning: ${exact(status.learning?.have_buckets)} of ${exact(status.learning?.need_buckets)} (${percent((status.learning?.have_buckets ?? 0) / Math.max(1, status.learning?.need_buckets ?? 1))})`}
        </Fact>
        <Fact name="Version">{status.version}</Fact>
        <Fact name="Running for">{longDuration(status.uptime_s)}</Fact>
      </dl>
    </Panel>
  </div>
);

const Drops = ({ status }: { status: Status }) => {
  const drops = status.drops ?? [];
  return (
    <Panel title="Dropped, refused or folded away">
      {drops.length === 0 ? (
        <Empty
          title="Nothing was dropped."
          help="Every limit has a counter; one that was met would stand here with its reason."
        />
      ) : (
        <Table
          id="sort"
          label="Drops"
          rows={drops}
          rowKey={row => row.metric + labelsOf(row.labels)}
          initial="-value"
          columns={[
            {
              key: 'metric',
              label: 'Counter',
              sort: row => row.metric,
              cell: row => <span class="mono">{row.metric}</span>,
            },
            {
              key: 'labels',
              label: 'Reason',
              sort: row => labelsOf(row.labels),
              cell: row => labelsOf(row.labels),
            },
            {
              key: 'value',
              label: 'Times',
              number: true,
              sort: row => row.value,
              cell: row => exact(row.value),
            },
          ]}
        />
      )}
    </Panel>
  );
};

export const StatusView = () => {
  const { status, problem } = useLive();
  if (!status) return problem ? <ProblemView problem={problem} /> : <Skeleton size="l" />;
  return (
    <div class="stack">
      <Facts status={status} />
      <Drops status={status} />
      <p class="muted small">
        The same for machines:{' '}
        <a href="/metrics" data-plain>
          /metrics
        </a>
        ,{' '}
        <a href="/api/v1/status" data-plain>
          /api/v1/status
        </a>
        ,{' '}
        <a href="/api/v1/openapi.yaml" data-plain>
          openapi.yaml
        </a>
        . Licences of what this page contains:{' '}
        <a href="/licenses.txt" data-plain>
          licenses.txt
        </a>
        .
      </p>
    </div>
  );
};
