/** Pure: medians, ratios within a round, the order of a round. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

export const medianOf = (values: readonly number[]): number => spreadOf(values).median;

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The smallest value that at least this share of the values does not exceed: the nearest-rank percentile. */
export function percentileOf(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length - 1e-9));
  return sorted[rank - 1] ?? Number.NaN;
}

export interface Measurement {
  readonly configuration: string;
  readonly round: number;
}

/**
 * Each sample of `name` by the mean of `base`'s samples in the same round; rounds that lack either are left out.
 * Prevents: a ratio of two medians that were taken while the machine did different things.
 */
export function comparedInRounds<Sample extends Measurement>(
  samples: readonly Sample[],
  name: string,
  base: string,
  value: (sample: Sample) => number,
  by: (value: number, base: number) => number,
): Spread {
  return spreadOf(
    samples.flatMap((sample) => {
      if (sample.configuration !== name) return [];
      const others = samples.filter((other) => other.configuration === base && other.round === sample.round);
      return others.length === 0 ? [] : [by(value(sample), meanOf(others.map(value)))];
    }),
  );
}

/** Starts one later every other round, and goes backwards in between, so that drift hits all alike. */
export function orderOf<Item>(items: readonly Item[], round: number): Item[] {
  const from = items.length === 0 ? 0 : Math.floor(round / 2) % items.length;
  const rotated = [...items.slice(from), ...items.slice(0, from)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

/** The base first and in the middle: twice the samples of what every ratio has below its line. */
export function withBase<Item>(base: Item, others: readonly Item[], round: number): Item[] {
  const order = orderOf(others, round);
  if (order.length < 3) return round % 2 === 0 ? [base, ...order] : [...order, base];
  const middle = order.length >> 1;
  return [base, ...order.slice(0, middle), base, ...order.slice(middle)];
}
