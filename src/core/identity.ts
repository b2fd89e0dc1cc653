/**
 * Which session data says who somebody is, or what they may do. When such a field rises by plain assignment the
 * session is replaced as if by `signIn`: a token planted before the sign-in must be worth nothing after it (session
 * fixation; OWASP ASVS 5.0, 7.2.4). A wrong guess costs a new token, a missed one is the attack.
 */
import { isPlainObject } from './codec.js';
import { sameValue } from './merge.js';

/** Hold what somebody may do: any change counts, for a rise can't be told from a fall. */
const privilegeFields = [
  // One role or several, by name.
  'role',
  'roles',
  // The flags that an admin page asks for.
  'isAdmin',
  'is_admin',
  'admin',
  'isSuperuser',
  'isStaff',
  // Rights by name: OAuth's word (RFC 6749 section 3.3), and the usual ones.
  'scope',
  'scopes',
  'permissions',
] as const;

/** Hold who somebody is, or that they are somebody. */
const personFields = [
  // The key of a row in a table of users, as ORMs and query builders spell it.
  'userId',
  'userID',
  'user_id',
  'userid',
  'uid',
  // The same where a table is called otherwise.
  'accountId',
  'account_id',
  'memberId',
  'customerId',
  'adminId',
  // The whole row, or what a guard reads of it.
  'user',
  'account',
  'member',
  'currentUser',
  // Passport keeps `{ user: id }` here; OpenID Connect calls the id `sub`.
  'passport',
  'sub',
  // Names that apps sign in by and keep in place of an id.
  'username',
  'userName',
  'email',
  // Flags that a guard asks for, with the name kept beside them or nowhere.
  'isAuthenticated',
  'authenticated',
  'isAuth',
  'isLoggedIn',
  'loggedIn',
  'loggedin',
  'logged_in',
  'signedIn',
  // A second factor passed, or somebody else's session taken over.
  'mfaVerified',
  'twoFactorVerified',
  'impersonating',
] as const;

/** The top-level fields that are watched unless the option `identityFields` names others. */
export const defaultIdentityFields: readonly string[] = Object.freeze([...personFields, ...privilegeFields]);

type Data = Readonly<Record<string, unknown>>;

/**
 * The first of `fields` that raises who `after` is for against `before`, or undefined.
 *
 * A field raises when it goes from absent or falsy to truthy, or when its identity changes: of an object its `id`,
 * `_id`, `sub` or the next best key that it has, of `passport` its `user`, of any other value the value. Strings,
 * numbers and bigints that read the same are the same id. Of the fields for roles and rights every change to a truthy
 * value raises. Removal, a falsy value, and edits inside an object that leave its id alone do not; nor do edits inside
 * one that has nothing like an id.
 */
export function identityRaised(before: Data, after: Data, fields: readonly string[]): string | undefined {
  return fields.find((field) => {
    const now = subject(field, after);
    if (!now) return false;
    const was = subject(field, before);
    if (!was) return true;
    return isPrivilege(field) ? !sameValue(was, now) : !sameIdentity(identityOf(was), identityOf(now));
  });
}

const privileges: ReadonlySet<string> = new Set(privilegeFields);
const isPrivilege = (field: string): boolean => privileges.has(field);

/** What a field says. Passport's own field is there before anybody has signed in, as an empty object. */
function subject(field: string, data: Data): unknown {
  const value = own(data, field);
  return field === 'passport' && isPlainObject(value) ? own(value, 'user') : value;
}

/** What names an object that is somebody, best first. */
const idKeys = ['id', '_id', 'sub', 'uuid', 'uid', 'userId', 'user_id', 'username', 'email'] as const;

/** The identity of every object without one of those, so that its other fields do not count but gaining an id does. */
const unnamed = Symbol('unnamed');

function identityOf(value: unknown): unknown {
  if (!isPlainObject(value)) return value;
  for (const key of idKeys) {
    const id = own(value, key);
    if (id !== undefined && id !== null) return id;
  }
  return unnamed;
}

function sameIdentity(a: unknown, b: unknown): boolean {
  return sameValue(a, b) || (isWord(a) && isWord(b) && String(a) === String(b));
}

const isWord = (value: unknown): value is string | number | bigint =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';

const own = (data: Data, key: string): unknown => (Object.hasOwn(data, key) ? data[key] : undefined);
