// The incident of the made-up mesh, its suggestion, and what may stand in a status document.
import { now_ms, incidentOpened_ms, edges } from './mesh.mjs';

const diff = `--- VirtualService boutique/cart (now)
+++ VirtualService boutique/cart (proposed)
@@ -8,11 +8,11 @@
   http:
   - route:
     - destination:
         host: cart
         subset: v1
-      weight: 90
+      weight: 100
     - destination:
         host: cart
         subset: v2
-      weight: 10
+      weight: 0
`;

const yaml = (v1, v2) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: cart
  namespace: boutique
spec:
  hosts:
  - cart
  http:
  - route:
    - destination:
        host: cart
        subset: v1
      weight: ${v1}
    - destination:
        host: cart
        subset: v2
      weight: ${v2}
`;

export const suggestion = (change = {}) => ({
  id: 3,
  incident: 7,
  state: 'open',
  kind: 'roll_back_version',
  mesh: 'istio',
  title: 'Send all requests for cart to v1, none to v2',
  sentence:
    'cart v2 fails 61 % of its requests (412 of 676 in 11 min); v1 fails 0.04 % on the same callers in the same minutes.',
  created_ms: now_ms - 8 * 60e3,
  expires_ms: now_ms + 52 * 60e3,
  target: { service: 'boutique/cart', version: 'v2', instance: null },
  objects: [
    {
      kind: 'VirtualService',
      name: 'cart',
      namespace: 'boutique',
      before: yaml(90, 10),
      after: yaml(100, 0),
      diff,
    },
  ],
  apply:
    'kubectl --namespace boutique patch virtualservice cart --type json \\\n  --patch \'[{"op":"replace","path":"/spec/http/0/route/0/weight","value":100},\n           {"op":"replace","path":"/spec/http/0/route/1/weight","value":0}]\'',
  undo: 'kubectl --namespace boutique patch virtualservice cart --type json \\\n  --patch \'[{"op":"replace","path":"/spec/http/0/route/0/weight","value":90},\n           {"op":"replace","path":"/spec/http/0/route/1/weight","value":10}]\'',
  effect: {
    error_ratio: { now: 0.083, predicted: 0.0004, low: 0.0002, high: 0.0011 },
    p99_s: { now: 1.72, predicted: 0.014, low: 0.011, high: 0.021 },
    load: [
      {
        target: 'cart v1',
        now_rate: 92.7,
        predicted_rate: 103,
        highest_seen_rate: 131,
      },
      {
        target: 'cart v2',
        now_rate: 10.3,
        predicted_rate: 0,
        highest_seen_rate: 11,
      },
    ],
  },
  capacity: {
    fits: true,
    sentence: 'v1 would get 103 requests a second; it has borne 131 without getting slower.',
  },
  confidence: 0.94,
  blast_radius: '10 % of the requests to cart move; 2 callers',
  wrong_if: [
    'v2 only gets requests that v1 cannot answer (a new route or header match)',
    'the failure follows the node, not the version: both v2 pods run on node-3',
  ],
  ...change,
});

const forecast = (predicted, low, high) => ({ predicted, low, high });

/** The same after somebody applied it: it helped, or it did harm. */
export const applied = (id, harmed) =>
  suggestion({
    id,
    state: harmed ? 'refuted' : 'verified',
    decided_ms: now_ms - 7 * 60e3,
    reason: 'looks right',
    seen: {
      time_ms: now_ms - 5 * 60e3,
      since_ms: now_ms - 6 * 60e3,
      parts: [
        { name: 'v1', before: 0.9, suggested: 1, observed: 1 },
        { name: 'v2', before: 0.1, suggested: 0, observed: 0 },
      ],
      sentence:
        'The change shows since 2022-08-23 12:41:50 UTC in the requests of boutique/cart: v2 0 % now, 10 % before, 0 % suggested',
    },
    waits_for: null,
    verified: {
      time_ms: now_ms - 3 * 60e3,
      verdict: harmed ? 'harmed' : 'helped',
      inside: !harmed,
      sentence: harmed ? 'It made things worse' : 'It helped',
      undo: harmed ? 'kubectl --namespace boutique delete virtualservice cart-seismesh' : null,
      window: { start_ms: now_ms - 5 * 60e3, end_ms: now_ms - 3 * 60e3 },
      requests: 12371,
      predicted: {
        error_ratio: forecast(0.0004, 0.0002, 0.0011),
        p99_s: forecast(0.014, 0.011, 0.021),
        load: [{ target: 'cart v1', predicted_rate: 103, observed_rate: 101.2 }],
      },
      before: { error_ratio: 0.083, p99_s: 1.72 },
      observed: {
        error_ratio: harmed ? 0.21 : 0.0005,
        p99_s: harmed ? 1.9 : 0.0152,
        inside: { error_ratio: !harmed, p99_s: !harmed },
      },
    },
  });

export const trackRecord = () => {
  const fates = {
    proposed: 9,
    seen: 6,
    expired: 2,
    undone: 0,
    undecided: 1,
    verified: 5,
    helped: 4,
    no_effect: 1,
    harmed: 0,
    compared: 10,
    inside: 9,
    coverage: 0.9,
  };
  return {
    kinds: [{ kind: 'roll_back_version', ...fates }],
    total: fates,
    sentence: '9 suggested, 6 seen in the telemetry, 5 verified',
  };
};

export const dryRun = () => ({
  id: 3,
  possible: true,
  why: null,
  sentence:
    'In these 15 minutes 8.3 % of 92,700 requests failed; under the suggested routing 0.04 % would have',
  minutes: 15,
  step_s: 10,
  range: { start_ms: now_ms - 15 * 60e3, end_ms: now_ms },
  targets: [],
  points: [0, 1, 2].map(i => ({
    time_ms: now_ms - (3 - i) * 10e3,
    requests: 1030,
    before: { error_ratio: 0.083, p99_s: 1.72 },
    after: { error_ratio: forecast(0.0004, 0.0002, 0.0011), p99_s: forecast(0.014, 0.011, 0.021) },
    beyond: i === 2,
  })),
  total: null,
});

/** The suggestion's change in the language that was asked for. */
export const written = as =>
  as === null
    ? {}
    : {
        mesh: as,
        objects: [
          {
            kind: 'TrafficSplit',
            name: 'cart',
            namespace: 'boutique',
            before: null,
            after: 'a: b\n',
            diff: '+a: b',
          },
        ],
        apply: `kubectl apply for ${as}`,
        undo: `kubectl delete for ${as}`,
        read: `kubectl get what ${as} knows`,
        limits: ['weights are whole numbers'],
        cannot: 'It cannot express this, the nearest is that.',
        beside: {
          mesh: 'gateway-api',
          objects: [
            {
              kind: 'HTTPRoute',
              name: 'cart',
              namespace: 'boutique',
              before: null,
              after: 'c: d\n',
              diff: '+c: d',
            },
          ],
          apply: 'kubectl apply the route',
          undo: 'kubectl delete the route',
          limits: [],
          cannot: null,
        },
      };

export const abstention = () =>
  suggestion({
    id: 2,
    state: 'open',
    kind: 'none',
    title: 'No routing change would help',
    sentence: 'redis is slow in every version and instance alike; traffic has nowhere better to go.',
    objects: [],
    apply: null,
    undo: null,
    effect: null,
    capacity: null,
    confidence: null,
    blast_radius: null,
    wrong_if: [],
  });

const explanation = {
  sentence:
    'boutique/frontend > boutique/cart client latency is 1.7 s, expected 8 ms–21 ms for this time (62,400 requests in 60 s, 174 windows of history); began 2022-08-23 12:36:50 UTC; 1 of 2 versions; likely cause the deployment of version v2 of boutique/cart, first seen 2022-08-23 12:36:30 UTC, 3 pieces of evidence.',
  subject: {
    kind: 'edge',
    service: 'boutique/cart',
    caller: 'boutique/frontend',
    version: null,
    instance: null,
  },
  signal: 'client latency',
  unit: 's',
  seen: 1.72,
  expected: { low: 0.008, high: 0.021 },
  requests: 62400,
  window_seconds: 60,
  history_windows: 174,
  began_ms: incidentOpened_ms,
  versions: { affected: 1, of: 2 },
  cause: { kind: 'deploy', text: 'the deployment of version v2 of boutique/cart' },
  evidence: [
    'v2 fails 61 % of its requests, v1 0.04 %, on the same callers',
    'it deviates since 12:36:50, no later than anything else in the incident',
    'what it calls explains 2 % of it',
  ],
};

/** What was answered to incident 7 in this run. */
const answerOf = given => ({
  id: 12,
  incident: 7,
  answer: given.answer,
  culprit: given.culprit ?? null,
  note: given.note ?? null,
  who: null,
  targets: [],
  given_ms: now_ms,
  since_ms: now_ms,
  until_ms: given.answer === 'mute' ? now_ms + 72e5 : null,
  revoked_ms: null,
  in_force: true,
});

export const answered = given => ({
  answered: given && !given.culprit ? given.answer : null,
  answers: given ? [answerOf(given)] : [],
});

export const incident = (change = {}) => ({
  id: 7,
  state: 'open',
  opened_ms: incidentOpened_ms,
  updated_ms: now_ms,
  closed_ms: null,
  severity: 'critical',
  title: 'cart answers 120 times slower than usual and fails 8.3 % of its requests',
  sentence: explanation.sentence,
  explanation,
  deviations: [],
  answered: null,
  answers: [],
  culprit: {
    service: 'boutique/cart',
    version: 'v2',
    instance: null,
    established: true,
    reason: 'v2 took its first requests 20 s before the first failure, v1 is as usual',
  },
  suspects: [
    {
      rank: 1,
      service: 'boutique/cart',
      version: 'v2',
      instance: null,
      signal: 'error_ratio',
      score: 41.2,
      evidence: [
        'v2 fails 61 % of its requests, v1 0.04 %, on the same callers.',
        'v2 was first seen at 12:36:30, 20 s before the first failure.',
        'No callee of cart is slower than usual.',
      ],
    },
    {
      rank: 2,
      service: 'boutique/checkout',
      version: null,
      instance: null,
      signal: 'latency',
      score: 6.1,
      evidence: ['Its own time (without its callees) is as usual: it waits for cart.'],
    },
    {
      rank: 3,
      service: 'boutique/redis',
      version: null,
      instance: null,
      signal: 'request_rate',
      score: 1.2,
      evidence: ['Asked 7 % less often, since the failed requests do not reach it.'],
    },
  ],
  affected: ['boutique/cart', 'boutique/checkout', 'boutique/frontend'],
  impact: { requests_per_minute: 512, time_lost_s_per_minute: 388 },
  first_failure_ms: incidentOpened_ms,
  timeline: [
    {
      time_ms: incidentOpened_ms - 20e3,
      text: 'cart v2 takes its first requests (10 %)',
    },
    {
      time_ms: incidentOpened_ms,
      text: 'cart latency leaves its band: p99 1.1 s, usual 8 ms–21 ms',
    },
    { time_ms: incidentOpened_ms + 40e3, text: 'checkout follows: p99 1.9 s' },
    {
      time_ms: incidentOpened_ms + 60e3,
      text: 'frontend follows: 2.1 % of requests fail',
    },
    {
      time_ms: incidentOpened_ms + 180e3,
      text: 'suggestion 3: all requests to v1',
    },
  ],
  anomalies: edges
    .filter(edge => edge.callee === 'boutique/cart')
    .flatMap((edge, i) =>
      ['latency', 'error_ratio'].map(signal => ({
        time_ms: incidentOpened_ms + i * 20e3,
        subject: {
          kind: 'edge',
          service: edge.callee,
          caller: edge.caller,
          version: null,
          instance: null,
          operation: null,
          zone: null,
        },
        signal,
        score: 12 + i,
        observed: signal === 'latency' ? 1.72 : 0.083,
        expected: signal === 'latency' ? 0.012 : 0.0004,
        low: signal === 'latency' ? 0.008 : 0,
        high: signal === 'latency' ? 0.021 : 0.004,
        incident: 7,
      })),
    ),
  ...change,
});

export const status = (level, sentence, checkpoints, change = {}) => ({
  version: '0.1.0',
  started_ms: Date.now() - 754e3,
  uptime_s: 754,
  event_time_ms: level === 'empty' ? null : now_ms,
  checkpoint: { position: 88123, age_s: 1.2, count: checkpoints },
  journal: { end: 88123, folded: 88123, behind_bytes: 0 },
  store: {
    bytes: 48e6,
    spans: 412345,
    traces: 31877,
    entities: 214,
    names: 903,
  },
  learning: { done: true, have_buckets: 174, need_buckets: 30 },
  dialects: level === 'empty' ? [] : ['otel', 'istio'],
  listen: {
    otlp_grpc: '127.0.0.1:4317',
    otlp_http: '127.0.0.1:4318',
    web: '127.0.0.1:7117',
  },
  health: { level, sentence },
  drops: [
    {
      metric: 'seismesh_spans_refused_total',
      labels: { reason: 'future' },
      value: 12,
    },
    {
      metric: 'seismesh_logs_dropped_total',
      labels: { reason: 'no_request' },
      value: 40512,
    },
  ],
  ...change,
});

/** The verdict on two versions, as /api/v1/canary gives it. */
export const canary = query => {
  const side = (version, requests, errors) => ({
    version,
    requests_seen: requests,
    requests,
    errors,
    error_ratio: errors / requests,
    client_error_ratio: 0,
    p50_s: 0.012,
    p90_s: 0.03,
    p99_s: 0.08,
  });
  const baseline = side(query.get('baseline'), 5760, 58);
  const worse = side(query.get('canary'), 640, 41);
  return {
    verdict: 'fail',
    sentence: `${worse.version} of ${query.get('service')} fails: it failed 41 of 640 requests (6.4 %), ${baseline.version} failed 58 of 5,760 requests (1 %) in the same 3.3 min.`,
    signal: 'errors',
    service: query.get('service'),
    baseline,
    canary: worse,
    range: { start_ms: 0, end_ms: 1 },
    compared_s: 200,
    buckets: 20,
    difference_points: 5.4,
    difference_points_high: 7.6,
    within: { errors: false, average: true, p99: true },
    evidence: { errors: 1.8, p50: 0, p90: 0, p99: 0, p999: 0 },
    more_requests: null,
    more_minutes: null,
    settings: { alpha: 0.01, confidence: 0.95, error_points: 5, latency_factor: 2 },
  };
};
