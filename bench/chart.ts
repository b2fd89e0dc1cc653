/** A bar for each ratio, as SVG: readable on a light and on a dark page, and without a library's megabytes. */

export interface Bar {
  readonly title: string;
  readonly ratio: number;
  readonly ours: boolean;
}

const [width, left, row, top] = [820, 350, 22, 44];
const room = width - left - 60;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export function chart(title: string, bars: readonly Bar[]): string {
  const scale = Math.max(1, ...bars.map(({ ratio }) => ratio));
  const x = (ratio: number) => left + (ratio / scale) * room;
  const height = top + bars.length * row + 12;
  const drawn = [...bars]
    .sort((a, b) => b.ratio - a.ratio)
    .map(({ title: name, ratio, ours }, index) => {
      const y = top + index * row;
      const end = x(ratio);
      return `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>
<rect x="${left}" y="${y + 3}" width="${(end - left).toFixed(1)}" height="${row - 8}" class="${ours ? 'ours' : 'other'}"/>
<text x="${(end + 6).toFixed(1)}" y="${y + 14}">${ratio.toFixed(2)}</text>`;
    });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>text{font:12px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600;font-size:13px}.ours{fill:#1f6feb}.other{fill:#afb8c1}line{stroke:#8c959f;stroke-dasharray:3 3}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ours{fill:#58a6ff}.other{fill:#59636e}}</style>
<text x="8" y="20" class="head">${escaped(title)}</text>
<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="${top - 8}" y2="${height - 8}"/>
${drawn.join('\n')}
</svg>
`;
}
