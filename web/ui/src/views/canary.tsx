/** A service's versions side by side: every other one against the one with the most requests, with the verdict. */
import type { CanarySide, CanaryVerdict } from '../api/canary.ts';
import type { Golden } from '../api/types.ts';
import { withQuery } from '../api/client.ts';
import { duration, exact, percent } from '../format.ts';
import { Panel } from '../parts/basics.tsx';
import { Show } from '../parts/states.tsx';
import { rangeQuery, useRange } from '../state/time.ts';
import { useResource } from '../state/resource.ts';
import { text } from '../strings.ts';

const words = text.canary;

/** Each is a question to the server. */
const mostCompared = 3;

interface Version {
  version: string;
  golden: Golden;
}

const tones = { pass: 'ok', fail: 'critical', not_enough_data: 'warning' } as const;

const Side = ({ side }: { side: CanarySide }) => (
  <tr>
    <th scope="row">{side.version}</th>
    <td>{exact(side.requests)}</td>
    <td>{percent(side.error_ratio)}</td>
    <td>{duration(side.p50_s)}</td>
    <td>{duration(side.p99_s)}</td>
  </tr>
);

const Comparison = (props: { service: string; baseline: string; canary: string }) => {
  const { service, baseline, canary } = props;
  const path = withQuery('/canary', { service, baseline, canary, ...rangeQuery(useRange()) });
  const answer = useResource<CanaryVerdict>(path);
  return (
    <section class="canary">
      <Show of={answer} size="s">
        {verdict => (
          <>
            <p>
              <span class={`pill tone-${tones[verdict.verdict]}`}>{words[verdict.verdict]}</span>{' '}
              {verdict.sentence}
            </p>
            {verdict.compared_s > 0 && (
              <table class="comparison">
                <thead>
                  <tr>
                    {words.columns.map(column => (
                      <th key={column} scope="col">
                        {column}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  <Side side={verdict.baseline} />
                  <Side side={verdict.canary} />
                </tbody>
              </table>
            )}
          </>
        )}
      </Show>
    </section>
  );
};

/** Nothing for a service with one version. */
export const CanaryPart = ({ service, versions }: { service: string; versions: Version[] }) => {
  const serving = versions
    .filter(row => row.version !== '' && row.golden.requests > 0)
    .sort((a, b) => b.golden.requests - a.golden.requests || a.version.localeCompare(b.version));
  const [baseline, ...others] = serving;
  if (!baseline || others.length === 0) return null;
  return (
    <Panel title={words.title} aside={<span class="muted small">{words.same}</span>}>
      {others.slice(0, mostCompared).map(row => (
        <Comparison key={row.version} service={service} baseline={baseline.version} canary={row.version} />
      ))}
      {others.length > mostCompared && (
        <p class="muted small">
          {words.more} {exact(others.length - mostCompared)}
        </p>
      )}
    </Panel>
  );
};
