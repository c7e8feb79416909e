/** The single findings behind an incident. */
import type { Anomaly } from '../api/types.ts';
import { count, signalValue } from '../format.ts';
import { Moment } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';

const subjectName = (subject: Anomaly['subject']): string =>
  [
    subject.caller && `${subject.caller} →`,
    subject.service,
    subject.version,
    subject.instance,
    subject.operation,
  ]
    .filter(Boolean)
    .join(' ');

export const Anomalies = ({ list }: { list: Anomaly[] }) => (
  <Table<Anomaly>
    id="asort"
    label="Anomalies"
    rows={list}
    rowKey={row => `${row.time_ms} ${row.signal} ${JSON.stringify(row.subject)}`}
    initial="time"
    columns={[
      {
        key: 'time',
        label: 'Time',
        sort: row => row.time_ms,
        cell: row => <Moment ms={row.time_ms} short />,
      },
      {
        key: 'subject',
        label: 'Where',
        sort: row => subjectName(row.subject),
        cell: row => <span title={row.sentence ?? undefined}>{subjectName(row.subject)}</span>,
      },
      { key: 'signal', label: 'Signal', sort: row => row.signal, cell: row => row.signal },
      {
        key: 'seen',
        label: 'Seen',
        number: true,
        sort: row => row.observed,
        cell: row => <strong>{signalValue(row.signal, row.observed)}</strong>,
      },
      {
        key: 'usual',
        label: 'Usual',
        number: true,
        cell: row => `${signalValue(row.signal, row.low)} – ${signalValue(row.signal, row.high)}`,
      },
      { key: 'score', label: 'Score', number: true, sort: row => row.score, cell: row => count(row.score) },
    ]}
  />
);
