import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { data, storable } from '../../test/fixtures/codec/values.js';
import { defaultIdentityFields, identityRaised } from './identity.js';

type Data = Record<string, unknown>;
const raised = (before: Data, after: Data): string | undefined => identityRaised(before, after, defaultIdentityFields);

describe('what raises', () => {
  const cases: [name: string, before: Data, after: Data, field: string][] = [
    ['an id appears', {}, { userId: 7 }, 'userId'],
    ['an id takes the place of null', { userId: null }, { userId: 'u1' }, 'userId'],
    ['an id takes the place of another', { userId: 'u1' }, { userId: 'u2' }, 'userId'],
    ['a flag goes up', { isAuthenticated: false }, { isAuthenticated: true }, 'isAuthenticated'],
    ['the flag of many tutorials', {}, { loggedin: true, username: 'ada' }, 'username'],
    ['a user without anything like an id appears', {}, { user: { nick: 'ada' } }, 'user'],
    ['a user becomes another', { user: { id: 1, a: 1 } }, { user: { id: 2, a: 1 } }, 'user'],
    ['a user of MongoDB becomes another', { user: { _id: 'a' } }, { user: { _id: 'b' } }, 'user'],
    ['a user whose id is null and _id changes', { user: { id: null, _id: 1 } }, { user: { id: null, _id: 2 } }, 'user'],
    ['a subject of OpenID Connect becomes another', { user: { sub: 'a' } }, { user: { sub: 'b' } }, 'user'],
    ['a user known by name becomes another', { user: { username: 'a' } }, { user: { username: 'b' } }, 'user'],
    ['a user gains an id', { user: { nick: 'ada' } }, { user: { nick: 'ada', id: 1 } }, 'user'],
    ['a user loses the id', { user: { nick: 'ada', id: 1 } }, { user: { nick: 'ada' } }, 'user'],
    ['an id in bytes becomes another', { uid: Buffer.of(1) }, { uid: Buffer.of(2) }, 'uid'],
    ['passport signs in', { passport: {} }, { passport: { user: 1 } }, 'passport'],
    ['passport appears with a user', {}, { passport: { user: { id: 1 } } }, 'passport'],
    ['passport changes its user', { passport: { user: 1 } }, { passport: { user: 2 } }, 'passport'],
    [
      'passport changes its user object',
      { passport: { user: { id: 1 } } },
      { passport: { user: { id: 2 } } },
      'passport',
    ],
    ['a role becomes another', { role: 'admin' }, { role: 'user' }, 'role'],
    ['a role is added', { roles: ['a'] }, { roles: ['a', 'b'] }, 'roles'],
    ['a role is added to a Set', { roles: new Set(['a']) }, { roles: new Set(['a', 'b']) }, 'roles'],
    [
      'a right inside an object changes',
      { permissions: { write: false } },
      { permissions: { write: true } },
      'permissions',
    ],
    ['an admin flag of another kind', { isAdmin: 'no' }, { isAdmin: true }, 'isAdmin'],
  ];
  for (const [name, before, after, field] of cases) test(name, () => expect(raised(before, after)).toBe(field));

  test('every default field that appears', () => {
    for (const field of defaultIdentityFields) {
      const value = field === 'passport' ? { user: 1 } : 'x';
      expect(raised({ a: 1 }, { a: 1, [field]: value })).toBe(field);
      expect(raised({ [field]: undefined }, { [field]: value })).toBe(field);
    }
  });
});

describe('what does not', () => {
  const cases: [name: string, before: Data, after: Data][] = [
    ['sign-out by hand', { userId: 1, user: { id: 1 }, isAdmin: true, roles: ['a'] }, {}],
    ['going falsy', { userId: 1, isAdmin: true, role: 'a' }, { userId: null, isAdmin: false, role: '' }],
    ['a falsy value that appears', {}, { userId: 0, isAdmin: false, role: '', user: null, uid: 0n }],
    ['an edit inside the same user', { user: { id: 1, name: 'a' } }, { user: { id: 1, name: 'b', theme: {} } }],
    ['an edit inside a user without anything like an id', { user: { nick: 'a' } }, { user: { nick: 'b' } }],
    ['an id that reads the same', { userId: 1, user: { id: '2' }, uid: 3n }, { userId: '1', user: { id: 2n }, uid: 3 }],
    ['the id of a user in place of the user', { user: { id: 1 } }, { user: 1 }],
    ['an equal id object', { user: { _id: { $oid: 'a' } } }, { user: { _id: { $oid: 'a' }, b: 1 } }],
    ['passport before anybody signed in', {}, { passport: {} }],
    ['passport signing out', { passport: { user: 1 } }, { passport: {} }],
    ['something beside the user of passport', { passport: { user: 1 } }, { passport: { user: 1, at: new Date() } }],
    ['an equal list of roles', { roles: ['a'] }, { roles: ['a'] }],
    ['other data', { cart: 1 }, { cart: 2, theme: 'dark' }],
  ];
  for (const [name, before, after] of cases) test(name, () => expect(raised(before, after)).toBeUndefined());

  test('data that stays the same, whatever it is', () => {
    fc.assert(
      fc.property(data, fc.constantFrom(...defaultIdentityFields), storable, (rest, field, value) => {
        expect(raised({ ...rest, [field]: value }, { ...rest, [field]: value })).toBeUndefined();
      }),
    );
  });

  test('what an object inherits', () => {
    const polluted = Object.create({ userId: 1 }) as Data;
    expect(raised({}, polluted)).toBeUndefined();
    expect(raised(polluted, { userId: 1 })).toBe('userId');
    expect(identityRaised({}, {}, ['constructor', '__proto__'])).toBeUndefined();
  });
});

describe('any data', () => {
  test('a field from nothing to a truthy value raises; to a falsy one it does not', () => {
    fc.assert(
      fc.property(data, storable, (rest, value) => {
        const before = { ...rest, tenant: undefined };
        const expected = value ? 'tenant' : undefined;
        expect(identityRaised(before, { ...rest, tenant: value }, ['tenant'])).toBe(expected);
      }),
    );
  });

  test('only the named fields count, and the first of them is named', () => {
    fc.assert(
      fc.property(data, data, (before, after) => {
        expect(identityRaised(before, after, [])).toBeUndefined();
      }),
    );
    expect(identityRaised({}, { b: 1, a: 1 }, ['a', 'b'])).toBe('a');
    expect(identityRaised({}, { userId: 1 }, ['tenant'])).toBeUndefined();
  });
});
