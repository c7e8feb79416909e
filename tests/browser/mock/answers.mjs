// Which document answers which question, per mode. Unknown parameters are refused, as the real server does.
import * as mesh from './mesh.mjs';
import * as stories from './stories.mjs';
import { payloads } from './payloads.mjs';

const fail = (code, name, message, parameter) => ({
  code,
  document: { error: { code: name, message, parameter } },
});
const fine = document => ({ code: 200, document });

const known = {
  '/status': [],
  '/services': ['start', 'end', 'limit', 'cursor', 'search'],
  '/services/*': ['start', 'end'],
  '/canary': ['service', 'baseline', 'canary', 'start', 'end'],
  '/graph': ['start', 'end', 'limit'],
  '/series': ['service', 'edge', 'version', 'zone', 'instance', 'operation', 'start', 'end', 'step'],
  '/incidents': ['start', 'end', 'state', 'limit', 'cursor'],
  '/incidents/*': [],
  '/suggestions': ['state', 'limit', 'cursor'],
  '/suggestions/*': ['as', 'minutes'],
  '/track-record': [],
  '/traces': [
    'start',
    'end',
    'service',
    'operation',
    'min_duration',
    'max_duration',
    'error',
    'attribute',
    'limit',
    'cursor',
  ],
  '/traces/*': [],
};

const big = () => {
  const services = [];
  const edges = [];
  for (let i = 0; i < 600; i++) {
    const health = i === 77 ? 'critical' : i === 12 || i === 78 ? 'warning' : 'ok';
    const id = `team-${i % 9}/service-${String(i).padStart(3, '0')}`;
    services.push({
      ...mesh.services[2],
      id,
      name: id.split('/')[1],
      namespace: id.split('/')[0],
      health,
      incident: i === 77 ? 7 : null,
      golden: mesh.golden(1 + mesh.chance(id) * 900, i === 77 ? 0.2 : 0.0003, 0.004),
    });
  }
  for (let i = 1; i < 600; i++) {
    for (const parent of [Math.floor(i / 3), Math.floor(mesh.chance(i) * i)]) {
      const [a, b] = [services[parent], services[i]];
      if (a === b) continue;
      edges.push({
        ...mesh.edges[0],
        id: `${a.id}>${b.id}`,
        caller: a.id,
        callee: b.id,
        health: b.health,
        golden: mesh.golden(mesh.chance(a.id + b.id) * 200, 0.0003, 0.004),
      });
    }
  }
  return { services, edges };
};

const hostile = () => {
  const services = payloads.map((name, i) => ({
    ...mesh.services[i % 5],
    id: i % 2 ? `ns/${name}` : name,
    name,
    namespace: i % 2 ? 'ns' : null,
    versions: [name],
    health: ['ok', 'warning', 'critical', 'idle'][i % 4],
  }));
  const edges = services.slice(1).map((service, i) => ({
    ...mesh.edges[0],
    id: `${services[i >> 1].id}>${service.id}`,
    caller: services[i >> 1].id,
    callee: service.id,
    protocols: [service.name],
    health: service.health,
  }));
  return { services, edges };
};

const meshOf = mode => {
  if (mode === 'big') return big();
  if (mode === 'xss') return hostile();
  if (mode === 'empty') return { services: [], edges: [] };
  if (mode === 'calm') {
    const calm = item => ({
      ...item,
      health: item.health === 'idle' ? 'idle' : 'ok',
      incident: null,
      golden: mesh.golden(item.golden.request_rate, 0.0002, 0.006),
    });
    return { services: mesh.services.map(calm), edges: mesh.edges.map(calm) };
  }
  return { services: mesh.services, edges: mesh.edges };
};

/** Every text of a document replaced in turn by hostile ones. */
const poison = document => {
  let i = 0;
  const keep = [
    'id',
    'state',
    'severity',
    'kind',
    'status',
    'span_id',
    'parent_span_id',
    'trace_id',
    'start_ns',
    'duration_ns',
    'service',
    'caller',
  ];
  const walk = (value, key) => {
    if (typeof value === 'string' && !keep.includes(key)) return payloads[i++ % payloads.length];
    if (Array.isArray(value)) return value.map(item => walk(item, key));
    if (value && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, walk(v, k)]));
    return value;
  };
  return walk(document, '');
};

const statusOf = mock => {
  const sentences = {
    empty: ['empty', 'No telemetry yet: listening on 127.0.0.1:4317 (gRPC) and 127.0.0.1:4318 (HTTP).'],
    calm: ['ok', 'All 11 services behave as usual; 0.02 % of requests fail.'],
    learning: ['ok', 'Learning what is usual: 12 of 30 windows seen.'],
    big: ['critical', '3 of 600 services are not behaving as usual; service-077 fails 20 % of its requests.'],
    xss: ['critical', payloads[3]],
  };
  const [level, sentence] = sentences[mock.mode] ?? [
    'critical',
    '3 of 11 services are not behaving as usual; 2.4 % of requests are affected. Likely cause: cart v2.',
  ];
  const change =
    mock.mode === 'learning'
      ? {
          learning: { done: false, have_buckets: 12, need_buckets: 30, first_verdict_ms: mesh.now_ms + 18e4 },
        }
      : mock.mode === 'empty'
        ? { drops: [] }
        : {};
  return stories.status(level, sentence, mock.checkpoints, change);
};

const decide = (mock, id, verb, headers, body) => {
  if (headers['x-seismesh'] !== '1') return fail(403, 'forbidden', 'Send the header X-Seismesh: 1.');
  if (verb === 'reopen' && mock.decided[id]) {
    delete mock.decided[id];
    return fine(stories.suggestion({ state: 'open' }));
  }
  if (mock.decided[id]) return fail(409, 'not_open', `Suggestion ${id} was already ${mock.decided[id]}.`);
  mock.decided[id] = verb === 'accept' ? 'accepted' : 'dismissed';
  mock.reason = body.reason;
  return fine(stories.suggestion({ state: mock.decided[id] }));
};

/** What a person says of incident 7, kept for this run. */
const say = (mock, headers, body) => {
  if (headers['x-seismesh'] !== '1') return fail(403, 'forbidden', 'Send the header X-Seismesh: 1.');
  mock.said = body;
  return fine(stories.answered(body).answers[0]);
};

const unsay = (mock, headers) => {
  if (headers['x-seismesh'] !== '1') return fail(403, 'forbidden', 'Send the header X-Seismesh: 1.');
  const [answer] = stories.answered(mock.said).answers;
  mock.said = undefined;
  return answer ? fine({ ...answer, in_force: false }) : fail(404, 'not_found', 'No such answer.');
};

const moment = (text, otherwise, end) => {
  if (!text) return otherwise;
  const relative = /^-(\d+)([smhd])$/.exec(text);
  if (relative) return end - Number(relative[1]) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[relative[2]];
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
};

const eventful = mode => !['empty', 'calm', 'learning'].includes(mode);

export const answer = (mock, method, url, headers, body) => {
  const { mode } = mock;
  const path = url.pathname.slice('/api/v1'.length);
  const [, kind, id, verb] = path.split('/').map(decodeURIComponent);
  if (method === 'POST' && verb === 'answer') return say(mock, headers, body);
  if (method === 'DELETE') return unsay(mock, headers);
  if (method === 'POST') return decide(mock, id, verb, headers, body);
  if (mode === 'error' && kind !== 'status')
    return fail(500, 'internal', 'The store could not be read: disk I/O error (10).');
  const allowed = known[id === undefined ? `/${kind}` : `/${kind}/*`];
  if (!allowed) return fail(404, 'not_found', `No such path: ${path}`);
  const stranger = [...url.searchParams.keys()].find(name => !allowed.includes(name));
  if (stranger) {
    mock.unknown.push(url.pathname + url.search);
    return fail(400, 'invalid_parameter', `Unknown parameter ${stranger}.`, stranger);
  }
  const end_ms = moment(url.searchParams.get('end'), mesh.now_ms, mesh.now_ms);
  const range = {
    start_ms: moment(url.searchParams.get('start'), end_ms - 36e5, end_ms),
    end_ms,
  };
  const { services, edges } = meshOf(mode);
  const clean = mode === 'xss' ? poison : document => document;
  const suggestion = () => stories.suggestion({ state: mock.decided['3'] ?? 'open' });

  switch (kind) {
    case 'status':
      return fine(statusOf(mock));
    case 'services': {
      if (id !== undefined) {
        const service = services.find(s => s.id === id);
        return service
          ? fine(mode === 'xss' ? { ...poison(mesh.detail(service)), id: service.id } : mesh.detail(service))
          : fail(404, 'not_found', `No service named “${id}” was seen in this range.`);
      }
      const search = url.searchParams.get('search') ?? '';
      return fine({
        services: services.filter(s => s.id.includes(search)),
        next: null,
        range,
      });
    }
    case 'graph': {
      const nodes = services
        .filter(s => s.health !== 'idle' || mode === 'xss')
        .map(({ id, golden, health, incident }) => ({
          id,
          golden,
          health,
          incident,
        }));
      return fine({
        nodes,
        edges: edges.slice(0, 1000),
        truncated: edges.length > 1000,
        range,
      });
    }
    case 'series':
      return fine({
        ...mesh.series(
          url.searchParams.get('service') ?? url.searchParams.get('edge'),
          range.start_ms,
          range.end_ms,
        ),
        ...(mode === 'calm' ? { incidents: [] } : {}),
      });
    case 'canary':
      return fine(clean(stories.canary(url.searchParams)));
    case 'incidents': {
      if (id !== undefined)
        return id === '7'
          ? fine(
              clean(
                stories.incident({
                  ...stories.answered(mock.said),
                  suggestions: [suggestion(), stories.abstention()],
                }),
              ),
            )
          : fail(404, 'not_found', `No incident ${id}.`);
      const all = eventful(mode)
        ? [
            stories.incident(stories.answered(mock.said)),
            stories.incident({
              id: 4,
              state: 'closed',
              severity: 'warning',
              title: 'ads was silent for 3 minutes',
              opened_ms: mesh.now_ms - 50 * 6e4,
              closed_ms: mesh.now_ms - 47 * 6e4,
            }),
          ]
        : [];
      const state = url.searchParams.get('state') ?? 'all';
      return fine({
        incidents: clean(all.filter(i => state === 'all' || i.state === state)),
        next: null,
      });
    }
    case 'suggestions': {
      if (verb === 'dry-run') return fine(clean(stories.dryRun()));
      if (id === '4' || id === '5') return fine(clean(stories.applied(Number(id), id === '5')));
      if (id !== undefined)
        return id === '3'
          ? fine(clean({ ...suggestion(), ...stories.written(url.searchParams.get('as')) }))
          : fail(404, 'not_found', `No suggestion ${id}.`);
      const state = url.searchParams.get('state') ?? 'all';
      return fine({
        suggestions: clean(
          eventful(mode)
            ? [suggestion(), stories.abstention()].filter(s => state === 'all' || s.state === state)
            : [],
        ),
        next: null,
      });
    }
    case 'track-record':
      return fine(clean(stories.trackRecord()));
    case 'traces': {
      if (id !== undefined) {
        const summary = mesh.traceList.find(t => t.trace_id === id);
        return summary
          ? fine(clean(mesh.trace(summary)))
          : fail(404, 'not_found', `No trace ${id}; retention may have taken it.`);
      }
      const failing = url.searchParams.get('error');
      const traces = mode === 'empty' ? [] : mesh.traceList.filter(t => failing !== 'true' || t.errors > 0);
      return fine({
        traces: clean(traces),
        next: null,
        searched: 31877,
        complete: true,
      });
    }
    default:
      return fail(404, 'not_found', `No such path: ${path}`);
  }
};
