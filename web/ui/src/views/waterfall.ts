/** Order, depth and position of the spans of one trace; the critical path. */
import type { Span } from '../api/types.ts';

export interface Row {
  span: Span;
  depth: number;
  start_s: number;
  duration_s: number;
  /** Its parent is named but did not arrive. */
  orphan: boolean;
  children: number;
  critical: boolean;
}

export interface Waterfall {
  rows: Row[];
  duration_s: number;
}

/** Nanoseconds come as text because they do not fit a double; differences do. */
const nano = (text: string | undefined): bigint => {
  try {
    return BigInt(text ?? '0');
  } catch {
    return 0n;
  }
};

const seconds = (ns: bigint): number => Number(ns) / 1e9;

const earliest = (spans: Span[]): bigint =>
  spans.reduce(
    (least, span) => (nano(span.start_ns) < least ? nano(span.start_ns) : least),
    nano(spans[0]?.start_ns),
  );

const byStart = (a: Row, b: Row): number =>
  a.start_s - b.start_s || (a.span.span_id < b.span.span_id ? -1 : 1);

/** Walks from the end of the root to its start, always into the child that finished last before that point. */
const markCritical = (roots: Row[], childrenOf: Map<string, Row[]>): void => {
  const root = roots[0];
  if (!root) return;
  const stack: { row: Row; until: number }[] = [{ row: root, until: root.start_s + root.duration_s }];
  const seen = new Set<Row>();
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (seen.has(top.row)) continue;
    seen.add(top.row);
    top.row.critical = true;
    let until = top.until;
    const ends = [...(childrenOf.get(top.row.span.span_id) ?? [])].sort(
      (a, b) => b.start_s + b.duration_s - (a.start_s + a.duration_s),
    );
    const parentEnd = top.row.start_s + top.row.duration_s;
    for (const child of ends) {
      // A child that outlives its parent was not waited for beyond the parent's end.
      const end = Math.min(child.start_s + child.duration_s, parentEnd);
      if (end > until + 1e-12 || child.start_s > end) continue;
      stack.push({ row: child, until: end });
      until = child.start_s;
    }
  }
};

export const waterfall = (spans: Span[]): Waterfall => {
  const origin = earliest(spans);
  const ids = new Set(spans.map(span => span.span_id));
  const childrenOf = new Map<string, Row[]>();
  const roots: Row[] = [];
  let end = 0;
  for (const span of spans) {
    const start_s = seconds(nano(span.start_ns) - origin);
    const duration_s = Math.max(0, seconds(nano(span.duration_ns)));
    const parent = span.parent_span_id;
    const orphan = Boolean(parent) && !ids.has(parent ?? '');
    const row: Row = { span, depth: 0, start_s, duration_s, orphan, children: 0, critical: false };
    end = Math.max(end, start_s + duration_s);
    if (!parent || orphan || parent === span.span_id) roots.push(row);
    else childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), row]);
  }
  roots.sort(byStart);
  childrenOf.forEach(list => list.sort(byStart));
  const rows: Row[] = [];
  const seen = new Set<Row>();
  const walk = (start: Row[]): void => {
    const stack = [...start].reverse();
    for (let row = stack.pop(); row; row = stack.pop()) {
      if (seen.has(row)) continue;
      seen.add(row);
      rows.push(row);
      const children = childrenOf.get(row.span.span_id) ?? [];
      row.children = children.length;
      for (const child of [...children].reverse()) {
        child.depth = row.depth + 1;
        stack.push(child);
      }
    }
  };
  walk(roots);
  // Spans that name each other as parents have no root; they are shown all the same.
  for (const list of childrenOf.values()) walk(list.filter(row => !seen.has(row)));
  markCritical(roots, childrenOf);
  return { rows, duration_s: end };
};
