/** Checks that what happened at the same time could have happened one after the other. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { SessionStore } from '../../core/store.js';
import { plain } from './law.js';
import type { Model } from './model.js';
import { type Call, observe, perform, spell, type Watched } from './observe.js';

/**
 * Makes the calls together, the first on `stores[0]`, the second on `stores[1]` and so on round, and answers the model
 * after an order of them that explains every answer and the state. Fails if there is none.
 */
export async function together(
  stores: readonly [SessionStore, SessionStore],
  calls: readonly Call[],
  before: Model,
  watched: Watched,
): Promise<Model> {
  // Started in one go: no call is given a chance to finish before the last one has begun.
  const answers = await Promise.all(calls.map((call, index) => perform(stores[index % 2 ? 1 : 0], call)));
  return explain(calls, answers, before, watched, await observe(stores[0], watched));
}

export function explain(
  calls: readonly Call[],
  answers: readonly unknown[],
  before: Model,
  { ids, owners = [] }: Watched,
  state: unknown,
): Model {
  for (const order of permutations(calls.map((_, index) => index))) {
    const model = before.copy();
    const fits = order.every((index) => {
      const call = calls[index];
      return call !== undefined && model.allows(call, answers[index]);
    });
    if (fits && isDeepStrictEqual(model.observe(ids, owners), state)) return model;
  }
  return assert.fail(
    [
      calls.length === 1 ? 'the contract does not allow this:' : 'no order of these calls explains what was answered:',
      ...calls.map((call, index) => `  ${spell(call)} -> ${JSON.stringify(plain(answers[index]))}`),
      `before: ${JSON.stringify(before.observe(ids, owners))}`,
      `after:  ${JSON.stringify(state)}`,
    ].join('\n'),
  );
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((first) => permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]));
}
