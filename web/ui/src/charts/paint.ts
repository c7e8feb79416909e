/** What a chart paints behind and before its lines: incidents, the usual band, example traces. */
import type uPlot from 'uplot';
import type { ChartProps } from './chart.tsx';

export const property = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim() || '#888';

const shade = (u: uPlot, from: number, to: number, low: number, high: number, colour: string): void => {
  const left = Math.max(u.valToPos(from, 'x', true), u.bbox.left);
  const right = Math.min(u.valToPos(to, 'x', true), u.bbox.left + u.bbox.width);
  const top = Math.max(u.valToPos(high, 'y', true), u.bbox.top);
  const bottom = Math.min(u.valToPos(low, 'y', true), u.bbox.top + u.bbox.height);
  if (!(right > left) || !(bottom > top)) return;
  u.ctx.fillStyle = colour;
  u.ctx.fillRect(left, top, right - left, bottom - top);
};

export const behind = (u: uPlot, props: ChartProps): void => {
  const { ctx } = u;
  ctx.save();
  const [start = 0, end = 0] = [u.scales.x?.min, u.scales.x?.max];
  const [bottom = 0, top = 1] = [u.scales.y?.min, u.scales.y?.max];
  for (const incident of props.incidents) {
    const from = incident.opened_ms / 1000;
    shade(
      u,
      from,
      (incident.closed_ms ?? props.range.end_ms) / 1000,
      bottom,
      top,
      property('--incident-fill'),
    );
    // On whole pixels, or the line would be two pale ones.
    const x = Math.round(u.valToPos(from, 'x', true));
    if (x >= u.bbox.left && x <= u.bbox.left + u.bbox.width) {
      ctx.strokeStyle = property('--critical');
      ctx.lineWidth = 2 * Math.round(devicePixelRatio);
      ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
    }
  }
  const band = props.band;
  if (band && (band.high ?? null) !== null) {
    shade(u, start, end, Math.max(band.low ?? 0, bottom), band.high ?? 0, property('--band-fill'));
  }
  ctx.restore();
};

export const inFront = (u: uPlot, props: ChartProps): void => {
  const { ctx } = u;
  ctx.save();
  for (const mark of props.marks ?? []) {
    const x = u.valToPos(mark.time_ms / 1000, 'x', true);
    const y = u.valToPos(mark.value, 'y', true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width || y < u.bbox.top) continue;
    const r = 3.5 * devicePixelRatio;
    ctx.strokeStyle = property(mark.error ? '--critical' : '--text-2');
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
    ctx.stroke();
  }
  ctx.restore();
};
