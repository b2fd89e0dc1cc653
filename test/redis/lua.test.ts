import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkScripts } from '../../scripts/lua.js';

it('the scripts that are shipped are those in the .lua files', () => {
  expect(checkScripts(fileURLToPath(new URL('../..', import.meta.url)))).toEqual([]);
});
