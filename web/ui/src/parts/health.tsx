/** Health by colour, shape and word, so that no one sense is needed. */
import type { Health } from '../api/types.ts';
import { text } from '../strings.ts';

export type Level = Health | 'empty';

/** Shapes in a 16 x 16 box: disc with tick, triangle, octagon with cross, ring. */
const Shape = ({ level }: { level: Level }) => {
  switch (level) {
    case 'critical':
      return (
        <>
          <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />
          <path d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" class="glyph-cut" />
        </>
      );
    case 'warning':
      return (
        <>
          <path d="M8 1.2L15.4 14.6H.6z" fill="currentColor" />
          <path d="M8 6v4M8 12v.6" class="glyph-cut" />
        </>
      );
    case 'ok':
      return (
        <>
          <circle cx="8" cy="8" r="7" fill="currentColor" />
          <path d="M4.6 8.2l2.4 2.4 4.4-4.8" class="glyph-cut" />
        </>
      );
    default:
      return (
        <circle
          cx="8"
          cy="8"
          r="6"
          fill="none"
          stroke="currentColor"
          stroke-width="2"
          stroke-dasharray="3 2"
        />
      );
  }
};

/** For use inside another SVG. */
export const GlyphAt = ({ level, x, y, size }: { level: Level; x: number; y: number; size: number }) => (
  <svg
    x={x}
    y={y}
    width={size}
    height={size}
    viewBox="0 0 16 16"
    class={`glyph tone-${level}`}
    aria-hidden="true"
  >
    <Shape level={level} />
  </svg>
);

export const Glyph = ({ level, size = 16 }: { level: Level; size?: number }) => (
  <svg
    width={size}
    height={size}
    viewBox="0 0 16 16"
    class={`glyph tone-${level}`}
    aria-hidden="true"
    focusable="false"
  >
    <Shape level={level} />
  </svg>
);

const levels: Level[] = ['ok', 'warning', 'critical', 'idle', 'empty'];
/** What the server may add later is shown as "idle" rather than breaking the page. */
export const levelOf = (value: unknown): Level =>
  levels.includes(value as Level) ? (value as Level) : 'idle';

export const Badge = ({ level, word }: { level: Level; word?: string }) => (
  <span class={`badge tone-${level}`}>
    <Glyph level={level} size={14} />
    <span>{word ?? text.health[level]}</span>
  </span>
);
