import { describe, expect, it } from 'vitest';
import { lazily } from './lazily.js';

describe('what is loaded when it is first asked for', () => {
  it('is loaded once, however many ask', async () => {
    let loads = 0;
    const room = lazily(async () => ({ number: ++loads }));
    const [one, two] = await Promise.all([room(), room()]);
    expect(one).toBe(two);
    expect(await room()).toBe(one);
    expect(loads).toBe(1);
  });

  it('is asked for again after a failure, which everybody who waited hears of', async () => {
    let loads = 0;
    const room = lazily(async () => {
      if (++loads === 1) throw new Error('the file is not there yet');
      return { number: loads };
    });
    const answers = await Promise.allSettled([room(), room()]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await room()).toEqual({ number: 2 });
  });
});
