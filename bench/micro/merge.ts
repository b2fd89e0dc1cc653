import { data, type Micro, part } from './micro.js';

type Merge = typeof import('../../src/core/merge.js');

/** Two requests changed different parts. */
export const merge: Micro = {
  name: 'merge two changes',
  async make() {
    const { merge: mergeOf } = await part<Merge>('core/merge');
    const mine = { ...structuredClone(data), counter: 100_001 };
    const theirs = { ...structuredClone(data), consent: { statistics: false } };
    return () => mergeOf(data, mine, theirs);
  },
};
