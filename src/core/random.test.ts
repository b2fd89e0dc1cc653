import { expect, test } from 'vitest';
import { nextRandom } from './random.js';

test('no bytes are handed out twice, also where the pool is filled anew', () => {
  const seen = new Set<string>();
  for (let n = 0; n < 5_000; n++) seen.add(nextRandom(12).toString('hex'));
  expect(seen.size).toBe(5_000);
});

test('as many bytes come as were asked for', () => {
  for (let n = 0; n < 2_000; n++) expect(nextRandom(1 + (n % 32))).toHaveLength(1 + (n % 32));
});
