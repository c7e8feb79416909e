// A made-up mesh with one bad version, as documents of the HTTP API (docs/api.md).
// Everything is computed from the event time `now_ms` and a seed-free hash, so every answer repeats.

export const now_ms = Date.parse('2022-08-23T12:47:50Z');
const minute = 60e3;
export const incidentOpened_ms = now_ms - 11 * minute;

/** 0..1 from any text: the same text gives the same number. */
export const chance = text => {
  let h = 2166136261;
  for (const c of String(text)) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  return ((h >>> 0) % 100003) / 100003;
};

const namespace = 'boutique';
const calls = [
  ['frontend', 'productcatalog', 210],
  ['frontend', 'recommendation', 60],
  ['frontend', 'cart', 85],
  ['frontend', 'currency', 240],
  ['frontend', 'shipping', 22],
  ['frontend', 'ads', 60],
  ['frontend', 'checkout', 9],
  ['recommendation', 'productcatalog', 61],
  ['checkout', 'productcatalog', 13],
  ['checkout', 'cart', 18],
  ['checkout', 'currency', 26],
  ['checkout', 'shipping', 18],
  ['checkout', 'payment', 9],
  ['checkout', 'email', 8.7],
  ['cart', 'redis', 104],
];
const sick = { cart: 'critical', checkout: 'warning', frontend: 'warning' };
const usualP50 = {
  frontend: 0.031,
  checkout: 0.048,
  cart: 0.0042,
  productcatalog: 0.0021,
  payment: 0.012,
  redis: 0.0006,
};

export const latency = (p50, spread = 3) => ({
  p50_s: p50,
  p90_s: p50 * 1.7,
  p99_s: p50 * spread,
  mean_s: p50 * 1.2,
  max_s: p50 * spread * 2,
  error_ratio: 0.0054,
  coarse: false,
});

export const golden = (rate, errorRatio, p50, spread) => {
  const requests = Math.round(rate * 3600);
  const errors = Math.round(requests * errorRatio);
  return {
    requests,
    request_rate: rate,
    errors,
    error_ratio: requests > 0 ? errors / requests : null,
    failures: {
      client: Math.round(requests * 0.002),
      server: errors,
      connection: 0,
      timeout: Math.round(errors / 5),
      rate: 0,
      denied: 0,
    },
    latency: requests > 0 ? latency(p50, spread) : null,
    failed_latency: errors > 0 ? latency(p50 * 2) : null,
    retries: Math.round(errors * 0.4),
    request_bytes: requests * 420,
    response_bytes: requests * 2100,
    observer: 'span',
    saturation: {
      'cpu.utilization': { mean: 0.34, max: 0.71 },
      'memory.usage': { mean: 2.1e8, max: 2.6e8 },
    },
  };
};

const id = name => `${namespace}/${name}`;
const goldenOf = (name, rate) =>
  name === 'cart'
    ? golden(rate, 0.083, 0.0042, 410)
    : golden(rate, sick[name] ? 0.021 : 0.0004, usualP50[name] ?? 0.006, sick[name] ? 38 : 3.2);

export const edges = calls.map(([from, to, rate]) => ({
  id: `${id(from)}>${id(to)}`,
  caller: id(from),
  callee: id(to),
  protocols: [to === 'redis' ? 'tcp' : 'grpc'],
  golden: to === 'cart' ? golden(rate, 0.083, 0.0042, 410) : golden(rate, 0.0004, usualP50[to] ?? 0.006),
  client_latency: latency((usualP50[to] ?? 0.006) + 0.0008),
  versions: [
    {
      version: 'v1',
      zone: 'eu-1a',
      golden: golden(rate, 0.0004, usualP50[to] ?? 0.006),
    },
  ],
  health: to === 'cart' ? 'critical' : to === 'checkout' ? 'warning' : 'ok',
}));

const names = [...new Set(calls.flatMap(([from, to]) => [from, to]))];
const rateInto = name => calls.filter(call => call[1] === name).reduce((sum, call) => sum + call[2], 0) || 92;

export const services = names
  .map(name => ({
    id: id(name),
    name,
    namespace,
    cluster: null,
    golden: goldenOf(name, rateInto(name)),
    health: sick[name] ?? 'ok',
    incident: sick[name] ? 7 : null,
    versions: name === 'cart' ? ['v1', 'v2'] : ['v1'],
    zones: ['eu-1a', 'eu-1b'],
    instances: name === 'redis' ? 1 : 3,
    last_seen_ms: now_ms - 4000,
  }))
  .concat([
    {
      id: 'batch/report-nightly',
      name: 'report-nightly',
      namespace: 'batch',
      cluster: null,
      golden: { ...golden(0, 0, 0), error_ratio: null, latency: null },
      health: 'idle',
      incident: null,
      versions: [],
      zones: [],
      instances: 0,
      last_seen_ms: now_ms - 9 * 3600e3,
    },
  ]);

export const range = { start_ms: now_ms - 3600e3, end_ms: now_ms };

export const graph = () => ({
  nodes: services
    .filter(s => s.health !== 'idle')
    .map(({ id, golden, health, incident }) => ({
      id,
      golden,
      health,
      incident,
    })),
  edges,
  truncated: false,
  range,
});

export const detail = service => ({
  ...service,
  versions: service.versions.map((version, i) => ({
    version,
    golden: golden(
      (service.golden.request_rate ?? 0) / (i ? 9 : 1.1),
      i ? 0.61 : 0.0004,
      0.0042 * (i ? 40 : 1),
      12,
    ),
  })),
  zones: service.zones.map(zone => ({ zone, golden: service.golden })),
  instances: Array.from({ length: service.instances }, (_, i) => ({
    instance: `${service.name}-7c9f8d5b6-x${i}k2p`,
    version: service.versions[i === 2 ? service.versions.length - 1 : 0] ?? '',
    zone: i % 2 ? 'eu-1b' : 'eu-1a',
    golden: golden(
      (service.golden.request_rate ?? 0) / 3,
      i === 2 ? 0.2 : 0.0003,
      0.004 * (i === 2 ? 30 : 1),
      5,
    ),
  })),
  operations: [
    'hipstershop.CartService/GetCart',
    'hipstershop.CartService/AddItem',
    'grpc.health.v1.Health/Check',
  ].map((operation, i) => ({
    operation,
    golden: golden((service.golden.request_rate ?? 0) / (i + 1.6), i === 1 ? 0.19 : 0.002, 0.004 * (i + 1)),
  })),
  callers: edges.filter(edge => edge.callee === service.id),
  callees: edges.filter(edge => edge.caller === service.id),
});

const wave = (seed, t) => 1 + 0.12 * Math.sin(t / 37 + chance(seed) * 6) + 0.06 * (chance(seed + t) - 0.5);

export const series = (subject, from = range.start_ms, to = range.end_ms) => {
  const service = services.find(s => s.id === subject || `${subject}`.endsWith(`>${s.id}`));
  const rate = service?.golden.request_rate ?? 5;
  const bad = ['cart', 'checkout', 'frontend'].some(name => `${subject}`.endsWith(name));
  const base = usualP50[service?.name] ?? 0.006;
  const step = (to - from) / 1000 > 7200 ? 60 : 10;
  const points = [];
  const cpu = [];
  for (let t = Math.ceil(from / (step * 1000)) * step * 1000; t < to; t += step * 1000) {
    if (t < range.start_ms - 2 * 3600e3 || t >= now_ms || rate === 0) continue;
    if (t > now_ms - 41 * minute && t < now_ms - 38 * minute) continue; // a gap in the recording
    const ill = bad && t >= incidentOpened_ms;
    const now = rate * wave(subject, t / 60e3) * (ill ? 0.93 : 1);
    const ratio = (ill ? 0.083 : 0.0004) * wave(subject + 'e', t / 60e3);
    const p50 = base * wave(subject + 'l', t / 60e3) * (ill ? 1.4 : 1);
    points.push({
      time_ms: t,
      requests: Math.round(now * step),
      request_rate: now,
      errors: Math.round(now * step * ratio),
      error_ratio: ratio,
      p50_s: p50,
      p90_s: p50 * (ill ? 60 : 1.8),
      p99_s: p50 * (ill ? 290 : 3.1),
      mean_s: p50 * 1.3,
      retries: ill ? 12 : 0,
    });
    const share = Math.min(1, 0.32 * wave(subject + 'c', t / 60e3) + (ill ? 0.3 : 0));
    cpu.push({
      time_ms: t,
      mean: share,
      min: share * 0.8,
      max: Math.min(1, share * 1.25),
      last: share,
    });
  }
  return {
    subject: { service: subject },
    step_s: step,
    range: { start_ms: from, end_ms: to },
    points,
    gauges: points.length
      ? {
          'cpu.utilization': cpu,
          'memory.usage': cpu.map(p => ({
            time_ms: p.time_ms,
            mean: 2e8 * (1 + p.mean),
            min: 2e8,
            max: 2.4e8 * (1 + p.mean),
            last: 2e8,
          })),
        }
      : {},
    bands: points.length
      ? {
          error_ratio: { low: 0, expected: 0.0004, high: 0.004 },
          latency: { low: base * 2, expected: base * 3.1, high: base * 5 },
          request_rate: { low: rate * 0.78, expected: rate, high: rate * 1.22 },
        }
      : { error_ratio: null, latency: null, request_rate: null },
    incidents: bad ? [{ id: 7, opened_ms: incidentOpened_ms, closed_ms: null }] : [],
    exemplars: points.length
      ? traceList.slice(0, 6).map((trace, i) => ({
          time_ms: trace.start_ms,
          trace_id: trace.trace_id,
          duration_s: trace.duration_s,
          error: i % 3 === 0,
        }))
      : [],
  };
};

const hex = (text, length) =>
  Array.from({ length }, (_, i) => Math.floor(chance(text + i) * 16).toString(16)).join('');

export const traceList = Array.from({ length: 40 }, (_, i) => ({
  trace_id: hex(`trace${i}`, 32),
  start_ms: now_ms - i * 21e3 - 900,
  duration_s: i % 5 === 0 ? 1.2 + chance(`d${i}`) : 0.03 + chance(`d${i}`) * 0.2,
  spans: 14,
  errors: i % 3 === 0 ? 2 : 0,
  root_service: id('frontend'),
  root_operation: i % 2 ? 'GET /cart' : 'POST /cart/checkout',
  services: ['frontend', 'checkout', 'cart', 'redis', 'currency', 'payment'].map(id),
}));

export const trace = summary => {
  const start = BigInt(Math.round(summary.start_ms)) * 1000000n;
  const total = summary.duration_s * 1e9;
  const tree = [
    [0, null, 'POST /cart/checkout', 'frontend', 'server', 0, 1],
    [1, 0, 'hipstershop.CheckoutService/PlaceOrder', 'frontend', 'client', 0.02, 0.96],
    [2, 1, 'hipstershop.CheckoutService/PlaceOrder', 'checkout', 'server', 0.03, 0.94],
    [3, 2, 'hipstershop.CartService/GetCart', 'checkout', 'client', 0.04, 0.7],
    [4, 3, 'hipstershop.CartService/GetCart', 'cart', 'server', 0.05, 0.68],
    [5, 4, 'HGET cart', 'cart', 'client', 0.69, 0.03],
    [6, 2, 'hipstershop.CurrencyService/Convert', 'checkout', 'client', 0.75, 0.03],
    [7, 6, 'hipstershop.CurrencyService/Convert', 'currency', 'server', 0.755, 0.02],
    [8, 2, 'hipstershop.PaymentService/Charge', 'checkout', 'client', 0.79, 0.12],
    [9, 8, 'hipstershop.PaymentService/Charge', 'payment', 'server', 0.8, 0.1],
    [10, 2, 'hipstershop.EmailService/SendOrderConfirmation', 'checkout', 'client', 0.92, 0.04],
    [11, 99, 'late child', 'email', 'server', 0.93, 0.02],
  ];
  return {
    trace_id: summary.trace_id,
    start_ms: summary.start_ms,
    duration_s: summary.duration_s,
    spans: tree.map(([n, parent, name, service, kind, at, share]) => ({
      span_id: hex(`span${n}`, 16),
      parent_span_id: parent === null ? null : hex(`span${parent}`, 16),
      name,
      kind,
      service: id(service),
      start_ns: String(start + BigInt(Math.round(total * at))),
      duration_ns: String(BigInt(Math.round(total * share))),
      status: summary.errors > 0 && (n === 4 || n === 3) ? 'error' : 'unset',
      status_message: summary.errors > 0 && n === 4 ? 'context deadline exceeded' : '',
      attributes: {
        'rpc.system': 'grpc',
        'rpc.grpc.status_code': n === 4 ? 4 : 0,
        'net.peer.ip': '10.1.4.17',
      },
      resource: {
        'service.version': service === 'cart' ? 'v2' : 'v1',
        'k8s.pod.name': `${service}-7c9f8d5b6-x2k2p`,
      },
      events:
        n === 4
          ? [
              {
                time_ns: String(start),
                name: 'exception',
                attributes: {
                  'exception.message': 'redis: connection pool timeout',
                },
              },
            ]
          : [],
      links: [],
    })),
  };
};
