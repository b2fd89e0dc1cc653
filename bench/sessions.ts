/** The sessions that every configuration serves, what a handler does with one, and which of them a request names. */

export const sessionCount = 10_000;

/** As JSON; the data that has the app's fields takes about so much. */
export const usualBytes = 1_000;

/** Draws before the load starts over. */
export const drawCount = 65_536;

/** The first number that the counter of a session has; it keeps its six digits, so that a record keeps its size. */
export const firstCount = 100_000;

export interface Shape {
  counter: number;
  profile: { plan: string; readonly [field: string]: unknown };
}

/** The field that the read handler answers: each session has its own, so that an answer proves whose session was read. */
export const planOf = (n: number): string => `plan-${String(n).padStart(5, '0')}`;

/** What the handlers saw. The harness compares it with what the load generator says that it sent. */
export interface Seen {
  handled: number;
  /** Requests that found the data of a session. */
  hits: number;
}

/** The handler of a read: one field. */
export function planIn(session: Partial<Shape>, seen: Seen): string | null {
  const plan = session.profile?.plan;
  if (plan !== undefined) seen.hits++;
  return plan ?? null;
}

/** The handler of a write: one field of the session changes. */
export function countUp(session: Partial<Shape>, seen: Seen): number {
  if (session.counter !== undefined) seen.hits++;
  const counter = (session.counter ?? 0) + 1;
  session.counter = counter;
  return counter;
}

/**
 * About so many bytes as JSON: nested objects, arrays, numbers, booleans and text, as a shop keeps them. A larger record
 * has more lines of the same shape; a small one keeps the fields that the app asks for.
 */
export function dataOf(n: number, bytes = usualBytes): Shape & Record<string, unknown> {
  if (bytes < usualBytes) {
    const plan = planOf(n);
    return { counter: firstCount, profile: { plan, name: `Robin Example ${String(n).padStart(5, '0')}` } };
  }
  const data = shopDataOf(n);
  if (bytes < 2 * usualBytes) return data;
  const order = (k: number) => ({
    number: `ORDER-${n}-${k}`,
    at: 1_700_000_000_000 + k * 86_400_000,
    lines: [`Garden chair, oak, number ${k}`, `Cushion, green, number ${k}`],
    cents: 4_990 + k,
    paid: k % 5 !== 0,
  });
  const each = JSON.stringify(order(100)).length + 1;
  const orders = Math.round((bytes - JSON.stringify(data).length) / each);
  return { ...data, orders: Array.from({ length: orders }, (_, k) => order(k)) };
}

function shopDataOf(n: number): Shape & Record<string, unknown> {
  const item = (k: number) => ({
    sku: `SKU-${String(n * 7 + k).padStart(8, '0')}`,
    title: `Garden chair, oak, number ${k}`,
    quantity: 1 + (k % 3),
    cents: 4_990 + k * 100,
    gift: k % 2 === 0,
  });
  return {
    counter: firstCount,
    profile: {
      plan: planOf(n),
      name: `Robin Example ${String(n).padStart(5, '0')}`,
      email: `robin.${String(n).padStart(5, '0')}@example.com`,
      roles: ['member', 'editor', 'reviewer'],
      locale: 'en-GB',
      timeZone: 'Europe/London',
    },
    cart: { currency: 'EUR', items: [1, 2, 3, 4].map(item), coupon: null },
    recent: Array.from({ length: 8 }, (_, k) => `/catalogue/garden/${n + k * 31}`),
    consent: { statistics: true, marketing: false, at: 1_700_000_000_000 },
  };
}

/** Which sessions the requests name, by Zipf's law with exponent 1: few are hot, most are rare. The same on every run. */
export function zipfDraws(sessions = sessionCount, draws = drawCount): number[] {
  const cumulative: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= sessions; rank++) {
    sum += 1 / rank;
    cumulative.push(sum);
  }
  const random = mulberry32(0x5e55_1075);
  return Array.from({ length: draws }, () => {
    const at = random() * sum;
    let low = 0;
    let high = sessions - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? sum) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}

/** Mulberry32 (public domain algorithm by Tommy Ettinger): small, seeded, good enough to draw sessions with. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
