import { optionError, wrongOption } from './errors.js';

/** A length of time as a word: `'250ms'`, `'30s'`, `'15m'`, `'12h'`, `'30d'`. A whole number and a unit, no space. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A century: longer is a slip (milliseconds given as days, say), not a wish. */
const longestMs = 100 * 365 * unitsMs.d;

/** Milliseconds of a duration. `option` is the name that an error shows. */
export function durationMs(value: unknown, option: string, limits: { minMs?: number; maxMs?: number } = {}): number {
  const { minMs = 1, maxMs = longestMs } = limits;
  const match = typeof value === 'string' ? /^(\d{1,12})(ms|s|m|h|d)$/.exec(value) : null;
  const ms = match ? Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs] : Number.NaN;
  if (Number.isNaN(ms)) {
    throw wrongOption(
      option,
      "a duration such as '15m' (units ms, s, m, h, d)",
      value,
      "Write the unit: 900000 is '15m'.",
    );
  }
  if (ms < minMs || ms > maxMs) {
    throw optionError(
      `${option}: expected between ${formatDuration(minMs)} and ${formatDuration(maxMs)}, got '${value}'.`,
    );
  }
  return ms;
}

/** The shortest exact way to write a length of time, such as `15m`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= unitsMs[unit] && ms % unitsMs[unit] === 0) return `${ms / unitsMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}
