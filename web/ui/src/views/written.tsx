/** A change as the objects of one mesh, and the choice of the mesh. */
import type { Written } from '../api/types.ts';
import { Command, Copy } from '../parts/basics.tsx';
import { Diff } from '../parts/diff.tsx';
import { change } from '../state/router.ts';
import { text } from '../strings.ts';

const words = text.suggestion;

/** The objects of one mesh with the commands, and what must be known of them. */
export const WrittenChange = ({ written }: { written: Written }) => (
  <>
    {written.cannot && <p class="tone-warning">{written.cannot}</p>}
    {written.objects.map(object => (
      <section key={`${object.kind}/${object.namespace}/${object.name}`} class="object">
        <div class="command-head">
          <span>
            <strong>{object.kind}</strong> {object.namespace ? `${object.namespace}/` : ''}
            {object.name} {object.before === null && <em class="muted">(new)</em>}
          </span>
          {object.after && <Copy value={object.after} label="Copy object" />}
        </div>
        <Diff value={object.diff ?? object.after ?? ''} label={`Change of ${object.kind} ${object.name}`} />
      </section>
    ))}
    {(written.apply || written.undo) && (
      <div class="commands">
        {written.apply && <Command label={words.apply} value={written.apply} />}
        {written.undo && <Command label={words.undo} value={written.undo} />}
      </div>
    )}
    {(written.limits ?? []).length > 0 && (
      <div class="wrong-if">
        <h3>{words.limits}</h3>
        <ul>
          {written.limits?.map(line => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </div>
    )}
  </>
);

/** The routing languages, as analyzer/routing/languages.c has them. */
export const languages = [
  'istio',
  'gateway-api',
  'linkerd',
  'consul',
  'consul-k8s',
  'kuma',
  'kuma-universal',
  'app-mesh',
  'google',
  'google-routing',
  'traefik',
  'traefik-file',
  'smi',
  'traefik-mesh',
  'osm',
  'nsm',
];

export const LanguageChoice = ({ current }: { current: string }) => (
  <label class="filters">
    <span class="small muted">{words.writtenFor}</span>
    <select
      name="as"
      value={current}
      onChange={event =>
        change({ as: event.currentTarget.value === 'stored' ? '' : event.currentTarget.value })
      }
    >
      <option value="stored">{words.stored}</option>
      {languages.map(name => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  </label>
);
