/** A unified diff with its signs, colours beside them. */

type LineKind = 'add' | 'remove' | 'hunk' | 'file' | 'same';

export const lineKind = (line: string): LineKind => {
  if (line.startsWith('+++') || line.startsWith('---')) return 'file';
  if (line.startsWith('@@')) return 'hunk';
  if (line.startsWith('+')) return 'add';
  if (line.startsWith('-')) return 'remove';
  return 'same';
};

export const Diff = ({ value, label }: { value: string; label: string }) => {
  const lines = value.replace(/\n$/, '').split('\n');
  return (
    <pre class="diff" tabIndex={0} aria-label={label}>
      {lines.map((line, i) => (
        <span key={i} class={`diff-line diff-${lineKind(line)}`}>
          {line + '\n'}
        </span>
      ))}
    </pre>
  );
};
