/** A table that sorts by its headings; the order is part of the address. Rows are walked with j and k. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { change, usePlace } from '../state/router.ts';
import { exact } from '../format.ts';

export interface Column<Row> {
  key: string;
  label: string;
  /** Numbers stand right and sort from large to small first. */
  number?: boolean;
  /** Sorts from large to small first though it is no number. */
  largestFirst?: boolean;
  hint?: string;
  /** Left out on narrow screens. */
  minor?: boolean;
  sort?: (row: Row) => number | string | null | undefined;
  cell: (row: Row) => ComponentChildren;
}

const compare = (a: number | string | null | undefined, b: number | string | null | undefined): number => {
  const noA = a === null || a === undefined || Number.isNaN(a);
  const noB = b === null || b === undefined || Number.isNaN(b);
  if (noA || noB) return Number(noA) - Number(noB);
  return typeof a === 'string' || typeof b === 'string' ? String(a).localeCompare(String(b)) : a - b;
};

export const sortRows = <Row,>(rows: Row[], by: Column<Row> | undefined, down: boolean): Row[] => {
  const value = by?.sort;
  if (!value) return rows;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    // What is unknown stays at the end in both directions.
    const missing = Number(x === null || x === undefined) - Number(y === null || y === undefined);
    return missing || (down ? compare(y, x) : compare(x, y));
  });
};

const page = 100;

export const Table = <Row,>(props: {
  /** Name of its sorting parameter in the address. */
  id: string;
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  rowClass?: (row: Row) => string;
  initial?: string;
}) => {
  const { id, columns, rows } = props;
  const [shown, setShown] = useState(page);
  const wanted = usePlace().query.get(id) ?? props.initial ?? '';
  const down = wanted.startsWith('-');
  const key = wanted.replace(/^-/, '');
  const sorted = sortRows(
    rows,
    columns.find(column => column.key === key),
    down,
  );
  const sortBy = (column: Column<Row>): void => {
    const flip = key === column.key ? !down : Boolean(column.number || column.largestFirst);
    change({ [id]: (flip ? '-' : '') + column.key }, true);
  };
  return (
    <div class="table-frame" role="region" aria-label={props.label} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            {columns.map(column => (
              <th
                key={column.key}
                scope="col"
                class={`${column.number ? 'number' : ''} ${column.minor ? 'minor' : ''}`}
                aria-sort={key !== column.key ? undefined : down ? 'descending' : 'ascending'}
                title={column.hint}
              >
                {column.sort ? (
                  <button type="button" class="sorter" onClick={() => sortBy(column)}>
                    {column.label}
                    <span class="sort-sign" aria-hidden="true">
                      {key !== column.key ? '' : down ? '▼' : '▲'}
                    </span>
                  </button>
                ) : (
                  column.label
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, shown).map(row => (
            <tr key={props.rowKey(row)} class={props.rowClass?.(row)}>
              {columns.map(column => (
                <td
                  key={column.key}
                  class={`${column.number ? 'number' : ''} ${column.minor ? 'minor' : ''}`}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > shown && (
        <button type="button" class="button more" onClick={() => setShown(shown + page)}>
          Show {exact(Math.min(page, sorted.length - shown))} more of {exact(sorted.length - shown)}
        </button>
      )}
    </div>
  );
};
