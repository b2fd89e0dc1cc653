/** What every part prints with. */

/** A Markdown table, padded so that it reads well in a terminal too. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill = ' ') =>
    `| ${widths.map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width, fill) : (row[column] ?? '').padStart(width, fill))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.slice(1).map((row) => line(row))].join('\n');
}

/** With as many decimals as it takes to see two digits, and never more than two. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  return value.toFixed(size >= 10 ? 0 : size >= 1 ? 1 : 2);
}

export const percent = (ratio: number): string => (Number.isFinite(ratio) ? ratio.toFixed(2) : '-');
