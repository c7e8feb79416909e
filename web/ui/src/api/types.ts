/** The documents of the HTTP API, as docs/api.md describes them. `null` means "could not be computed". */
import type { Verified } from './outcomes.ts';

import type { Answer, Explanation } from './explained.ts';

export type Maybe<T> = T | null;
export type Health = 'ok' | 'warning' | 'critical' | 'idle';

export interface Range {
  start_ms: number;
  end_ms: number;
}

export interface Latency {
  p50_s: Maybe<number>;
  p90_s: Maybe<number>;
  p99_s: Maybe<number>;
  mean_s: Maybe<number>;
  max_s: Maybe<number>;
  error_ratio: Maybe<number>;
  coarse: boolean;
}

export interface Golden {
  requests: number;
  request_rate: Maybe<number>;
  errors: number;
  error_ratio: Maybe<number>;
  failures?: Record<string, number>;
  latency: Maybe<Latency>;
  failed_latency?: Maybe<Latency>;
  retries?: number;
  request_bytes?: number;
  response_bytes?: number;
  observer?: string;
  saturation?: Record<string, { mean: Maybe<number>; max: Maybe<number> }>;
}

export interface Status {
  version: string;
  started_ms: number;
  uptime_s: number;
  /** Shown at the top of every page (setting web.notice). */
  notice?: Maybe<string>;
  event_time_ms: Maybe<number>;
  checkpoint: { position: number; age_s: Maybe<number>; count: number };
  journal: { end: number; folded: number; behind_bytes: number };
  store: { bytes: number; spans: number; traces: number; entities: number; names: number };
  learning: { done: boolean; have_buckets: number; need_buckets: number; first_verdict_ms?: Maybe<number> };
  dialects: string[];
  listen: { otlp_grpc: Maybe<string>; otlp_http: Maybe<string>; web: Maybe<string> };
  health: { level: 'ok' | 'warning' | 'critical' | 'empty'; sentence: string };
  drops: { metric: string; labels: Record<string, string> | string; value: number }[];
}

export interface Service {
  id: string;
  name: string;
  namespace: Maybe<string>;
  cluster: Maybe<string>;
  golden: Golden;
  health: Health;
  incident: Maybe<string | number>;
  versions: string[];
  zones: string[];
  instances: number;
  last_seen_ms: Maybe<number>;
}

export interface ServiceList {
  services: Service[];
  next: Maybe<string>;
  range: Range;
}

export interface Edge {
  id: string;
  caller: string;
  callee: string;
  protocols: string[];
  golden: Golden;
  client_latency: Maybe<Latency>;
  versions?: { version: string; zone: string; golden: Golden }[];
  health: Health;
}

export interface ServiceDetail extends Omit<Service, 'versions' | 'zones' | 'instances'> {
  versions: { version: string; golden: Golden }[];
  zones: { zone: string; golden: Golden }[];
  instances: { instance: string; version: string; zone: string; golden: Golden }[];
  operations: { operation: string; golden: Golden }[];
  callers: Edge[];
  callees: Edge[];
}

export interface GraphNode {
  id: string;
  golden: Golden;
  health: Health;
  incident: Maybe<string | number>;
}

export interface Graph {
  nodes: GraphNode[];
  edges: Edge[];
  truncated: boolean;
  range: Range;
}

export interface Point {
  time_ms: number;
  requests: number;
  request_rate: Maybe<number>;
  errors: number;
  error_ratio: Maybe<number>;
  p50_s: Maybe<number>;
  p90_s: Maybe<number>;
  p99_s: Maybe<number>;
  mean_s: Maybe<number>;
  retries: number;
}

export interface GaugePoint {
  time_ms: number;
  mean: Maybe<number>;
  min: Maybe<number>;
  max: Maybe<number>;
  last: Maybe<number>;
}

export interface Band {
  low: Maybe<number>;
  expected: Maybe<number>;
  high: Maybe<number>;
}

export interface Exemplar {
  time_ms: number;
  trace_id: string;
  duration_s: number;
  error: boolean;
}

export interface Series {
  step_s: number;
  range: Range;
  points: Point[];
  gauges: Record<string, GaugePoint[]>;
  bands: { error_ratio: Maybe<Band>; latency: Maybe<Band>; request_rate: Maybe<Band> };
  incidents: { id: string | number; opened_ms: number; closed_ms: Maybe<number> }[];
  exemplars: Exemplar[];
  truncated?: boolean;
}

export interface Anomaly {
  id?: string;
  sentence?: Maybe<string>;
  time_ms: number;
  subject: Partial<
    Record<'kind' | 'service' | 'caller' | 'version' | 'instance' | 'operation' | 'zone', Maybe<string>>
  >;
  signal: string;
  score: Maybe<number>;
  observed: Maybe<number>;
  expected: Maybe<number>;
  low: Maybe<number>;
  high: Maybe<number>;
  incident: Maybe<string | number>;
}

export interface Suspect {
  rank: number;
  service: string;
  version: Maybe<string>;
  instance: Maybe<string>;
  signal: string;
  score: Maybe<number>;
  cleared?: boolean;
  evidence: string[];
}

export interface Incident {
  id: string | number;
  state: 'open' | 'closed';
  opened_ms: number;
  updated_ms: number;
  closed_ms: Maybe<number>;
  severity: 'warning' | 'critical';
  title: string;
  sentence: string;
  culprit: Maybe<{
    service: string;
    version: Maybe<string>;
    instance: Maybe<string>;
    established: boolean;
    reason: string;
  }>;
  suspects: Suspect[];
  affected: string[];
  impact: Maybe<{ requests_per_minute: Maybe<number>; time_lost_s_per_minute: Maybe<number> }>;
  first_failure_ms: Maybe<number>;
  timeline: { time_ms: number; text: string }[];
  explanation?: Maybe<Explanation>;
  /** Why it does not count as trouble, or was closed by a person. */
  answered?: Maybe<'expected' | 'wrong' | 'mute'>;
  answers?: Answer[];
  anomalies?: Anomaly[];
  suggestions?: Suggestion[];
}

export interface EffectRange {
  now: Maybe<number>;
  predicted: Maybe<number>;
  low: Maybe<number>;
  high: Maybe<number>;
}

export interface LoadChange {
  target: string;
  now_rate: Maybe<number>;
  predicted_rate: Maybe<number>;
  highest_seen_rate: Maybe<number>;
}

export interface ConfigObject {
  kind: string;
  name: string;
  namespace: Maybe<string>;
  before: Maybe<string>;
  after: Maybe<string>;
  diff: Maybe<string>;
}

/** A change as the objects of one mesh. */
export interface Written {
  mesh: Maybe<string>;
  objects: ConfigObject[];
  apply: Maybe<string>;
  undo: Maybe<string>;
  /** Commands that print the live objects and change nothing, one a line. */
  read?: Maybe<string>;
  /** What must be known of these objects. */
  limits?: string[];
  /** The mesh cannot express the action: why, and what the objects are instead. */
  cannot?: Maybe<string>;
}

export interface Suggestion extends Written {
  id: string | number;
  incident: Maybe<string | number>;
  /** What the telemetry shows (the last three), else what a person decided, else open or expired. */
  state: 'open' | 'accepted' | 'dismissed' | 'expired' | 'seen' | 'verified' | 'refuted';
  kind: string;
  title: string;
  sentence: string;
  created_ms: number;
  expires_ms: Maybe<number>;
  target: Maybe<{ service: Maybe<string>; version: Maybe<string>; instance: Maybe<string> }>;
  /** The same in a language that has a future, where this mesh has none. */
  beside?: Maybe<Written>;
  effect: Maybe<{ error_ratio: Maybe<EffectRange>; p99_s: Maybe<EffectRange>; load: LoadChange[] }>;
  capacity: Maybe<{ fits: Maybe<boolean>; sentence: string }>;
  confidence: Maybe<number>;
  blast_radius: Maybe<string>;
  wrong_if: string[];
  decided_ms?: Maybe<number>;
  reason?: Maybe<string>;
  /** The change as it was recognised in the telemetry. */
  seen?: Maybe<{ time_ms: number; since_ms: number; sentence: string }>;
  waits_for?: Maybe<{ more_requests: number; from_ms: number; sentence: string }>;
  verified?: Maybe<Verified>;
}

export interface TraceSummary {
  trace_id: string;
  start_ms: number;
  duration_s: Maybe<number>;
  spans: number;
  errors: number;
  root_service: Maybe<string>;
  root_operation: Maybe<string>;
  services: string[];
}

export interface TraceList {
  traces: TraceSummary[];
  next: Maybe<string>;
  searched: number;
  complete: boolean;
}

export interface Span {
  span_id: string;
  parent_span_id: Maybe<string>;
  name: string;
  kind: string;
  service: string;
  start_ns: string;
  duration_ns: string;
  status: 'unset' | 'ok' | 'error';
  status_message?: string;
  attributes?: Record<string, unknown>;
  resource?: Record<string, unknown>;
  events?: { time_ns: string; name: string; attributes?: Record<string, unknown> }[];
  links?: { trace_id: string; span_id: string }[];
}

export interface Trace {
  trace_id: string;
  start_ms: number;
  duration_s: Maybe<number>;
  spans: Span[];
  span_count?: number;
  truncated?: boolean;
}
