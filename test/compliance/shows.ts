import { test } from 'vitest';
import { requirements } from './requirements.js';

const known = new Set(requirements.filter(({ unshown }) => unshown === undefined).map(({ id }) => id));

/** A test that shows requirements: their ids stand before its title, where the table finds them. */
export function shows(ids: string, title: string, run: () => Promise<void>): void {
  for (const id of ids.split(' '))
    if (!known.has(id)) throw new Error(`${id} is no requirement that is shown by requests`);
  test(`[${ids}] ${title}`, run);
}
