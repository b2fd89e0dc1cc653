import { expect, test } from 'vitest';
import { Users } from '../../demo/users.js';

test('only the right password of a known name passes', async () => {
  const users = new Users();
  await users.set('ada', 'correct horse');
  expect(await users.check('ada', 'correct horse')).toBe(true);
  for (const [name, password] of [
    ['ada', 'correct hors'],
    ['ada', ''],
    ['Ada', 'correct horse'],
    ['', ''],
    ['__proto__', 'correct horse'],
  ] as const) {
    expect(await users.check(name, password), `${name}/${password}`).toBe(false);
  }
});

test('letters are the same however a keyboard composes them', async () => {
  const users = new Users();
  await users.set('zoe', 'Zoe\u0308 waits');
  expect(await users.check('zoe', 'Zo\u00eb waits')).toBe(true);
});
