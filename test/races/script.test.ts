/** Three requests of one browser over two instances, each doing several things, in every order that chance makes of it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { play } from './script.js';

const scripts = 150;
const from = Number(process.env.HOLDFAST_TEST_SEED ?? 1);

beforeAll(() => Promise.all([import('../../src/core/rise.js'), import('../../src/core/admin.js')]));

const bools = [false, true];
const settings = bools.flatMap((cache) => bools.flatMap((faults) => bools.map((loose) => ({ cache, faults, loose }))));

describe.each(settings)('with %j', (setting) => {
  it("no change is lost, no session comes back, nobody sees what is another person's", async () => {
    const broken: string[] = [];
    for (let seed = from; seed < from + scripts; seed++)
      for (const law of await play(seed, setting)) broken.push(`seed ${seed}: ${law}`);
    expect(broken).toEqual([]);
  });
});
