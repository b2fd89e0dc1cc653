/**
 * Every verb against every other on one session: the first is stopped before and after each of its store calls, and
 * after its answer; the second runs whole in between. The laws are in race.ts.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { race, type Setting, type Stop } from './race.js';
import { type Verb, verbs } from './verbs.js';

// These are read from the disk when first asked for: a wait of its own, which no race here is about.
beforeAll(() =>
  Promise.all([import('../../src/core/rise.js'), import('../../src/core/admin.js'), import('../../src/core/epoch.js')]),
);

const bools = [false, true];
const settings: readonly Setting[] = bools.flatMap((later) =>
  bools.flatMap((apart) => bools.map((safe) => ({ later, apart, safe }))),
);

const title = ({ later, apart, safe }: Setting) =>
  `${apart ? 'two instances' : 'one instance'}, ${later ? 'a store that answers later' : 'a store that answers at once'}, ${safe ? 'safe' : 'unsafe'} methods`;

async function stopsOf(verb: Verb, other: Verb, setting: Setting): Promise<{ stops: Stop[]; broken: string[] }> {
  const whole = await race(verb, other, 'never', setting);
  const stops: Stop[] = [];
  for (let call = 1; call <= whole.calls; call++) stops.push([call, 'before'], [call, 'after']);
  return { stops, broken: whole.broken === undefined ? [] : [`after its answer: ${whole.broken}`] };
}

describe.each(settings.map((setting) => [title(setting), setting] as const))('%s', (_title, setting) => {
  test.each(verbs)(
    'no law breaks when "$name" is stopped anywhere and any other request comes in between',
    async (verb) => {
      const broken: string[] = [];
      for (const other of verbs) {
        const { stops, broken: after } = await stopsOf(verb, other, setting);
        broken.push(...after.map((why) => `${other.name}, ${why}`));
        for (const [call, side] of stops as Exclude<Stop, 'never'>[]) {
          const { broken: why } = await race(verb, other, [call, side], setting);
          if (why !== undefined) broken.push(`${other.name}, ${side} call ${call}: ${why}`);
        }
      }
      expect(broken).toEqual([]);
    },
  );
});
