/** Load now and after a change on one scale, with the highest that was ever borne as a mark. */
export const Bar = (props: { now: number; then: number; mark: number | null; widest: number }) => {
  const share = (value: number): number =>
    props.widest > 0 ? Math.max(0, Math.min(1, value / props.widest)) * 198 : 0;
  return (
    <svg class="bar" viewBox="0 0 200 18" preserveAspectRatio="none" aria-hidden="true">
      <rect x="0" y="3" width="200" height="12" rx="2" class="bar-track" />
      <rect x="0" y="3" width={share(props.then).toFixed(1)} height="12" rx="2" class="bar-then" />
      <rect x="0" y="6" width={share(props.now).toFixed(1)} height="6" class="bar-now" />
      {props.mark !== null && (
        <rect x={share(props.mark).toFixed(1)} y="0" width="2" height="18" class="bar-mark" />
      )}
    </svg>
  );
};

/** A share 0..1 as a thin line, for tables of spans and traces. */
export const ShareBar = ({ start = 0, share, tone }: { start?: number; share: number; tone: string }) => (
  <svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
    <rect
      x={(start * 1000).toFixed(1)}
      y="1"
      height="8"
      rx="2"
      width={Math.max(4, share * 1000).toFixed(1)}
      class={tone}
    />
  </svg>
);
