/** The time range of the whole page: relative to the newest data, or between two moments; UTC or local. */
import { useState } from 'preact/hooks';
import { moment, zoneName } from '../format.ts';
import { change } from '../state/router.ts';
import { iso, parseMoment, presets, spanSeconds, useRange, useZone, type TimeRange } from '../state/time.ts';
import { Copy } from './basics.tsx';
import { useLive } from '../state/live.ts';

/** "2022-08-23 12:47" as typed, read as UTC unless it names a zone or the page shows local time. */
const typed = (value: string, utc: boolean): number | null => {
  const text = value
    .trim()
    .replace(' ', 'T')
    .replace(/(\d)\s*UTC$/i, '$1Z');
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text);
  return parseMoment(zoned || !utc ? text : `${text}Z`);
};

const FixedRange = ({ close }: { close: () => void }) => {
  const range = useRange();
  const zone = useZone();
  const { status } = useLive();
  const newest = status?.event_time_ms ?? Date.now();
  const from = range.from_ms ?? newest - (spanSeconds(range.relative ?? '1h') ?? 3600) * 1000;
  const to = range.to_ms ?? newest;
  const [wrong, setWrong] = useState('');
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const start = typed(String(form.get('from')), zone === 'utc');
    const end = typed(String(form.get('to')), zone === 'utc');
    if (start === null || end === null) return setWrong('Write moments like 2022-08-23 12:47:50.');
    if (end <= start) return setWrong('The end must be after the start.');
    change({ from: iso(start), to: iso(end), range: null });
    close();
  };
  const shown = (ms: number): string => moment(ms, zone).replace(/ (UTC.*)$/, '');
  return (
    <form class="time-fixed" onSubmit={submit}>
      <label>
        From
        <input name="from" defaultValue={shown(from)} size={19} spellcheck={false} />
      </label>
      <label>
        To
        <input name="to" defaultValue={shown(to)} size={19} spellcheck={false} />
      </label>
      <span class="muted small">{zoneName(to, zone)}</span>
      <button type="submit" class="button button-strong">
        Show
      </button>
      <button type="button" class="button" onClick={close}>
        Cancel
      </button>
      {wrong && <span role="alert">{wrong}</span>}
    </form>
  );
};

/** The address of this view with its range nailed down, so that others see exactly this. */
const pinned = (range: TimeRange, newest_ms: number | null | undefined): string => {
  const query = new URLSearchParams(location.search);
  const to = range.to_ms ?? newest_ms ?? null;
  if (to !== null) {
    query.delete('range');
    query.set('from', iso(range.from_ms ?? to - (spanSeconds(range.relative ?? '1h') ?? 3600) * 1000));
    query.set('to', iso(to));
  }
  return `${location.origin}${location.pathname}?${query.toString()}`;
};

export const TimeControl = () => {
  const range = useRange();
  const zone = useZone();
  const { status } = useLive();
  const [editing, setEditing] = useState(false);
  const fixed = range.from_ms !== null && range.to_ms !== null;
  const pick = (value: string): void => {
    if (value === 'fixed') setEditing(true);
    else change({ range: value === '1h' ? null : value, from: null, to: null });
  };
  const options =
    range.relative && !presets.includes(range.relative) ? [range.relative, ...presets] : presets;
  return (
    <div class="time">
      <select
        aria-label="Time range, before the newest data"
        value={fixed ? 'now-fixed' : (range.relative ?? '1h')}
        onChange={event => pick(event.currentTarget.value)}
      >
        {fixed && <option value="now-fixed">fixed range</option>}
        {options.map(preset => (
          <option key={preset} value={preset}>
            last {preset}
          </option>
        ))}
        <option value="fixed">from … to …</option>
      </select>
      {fixed && (
        <button
          type="button"
          class="button button-small fixed-range"
          onClick={() => setEditing(!editing)}
          title="Change the range"
        >
          {moment(range.from_ms, zone)} – {moment(range.to_ms, zone)}
        </button>
      )}
      <button
        type="button"
        class="button button-small"
        aria-label={`Times are shown in ${zone === 'utc' ? 'UTC' : 'local time'}; switch`}
        onClick={() => change({ tz: zone === 'utc' ? 'local' : null }, true)}
      >
        {zone === 'utc' ? 'UTC' : 'local'}
      </button>
      <Copy value={pinned(range, status?.event_time_ms)} label="Copy link" />
      {editing && <FixedRange close={() => setEditing(false)} />}
    </div>
  );
};
