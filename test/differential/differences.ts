/**
 * Everything in which an app under `session()` answers otherwise than under express-session, with the reason. The test
 * fails on any other difference, and on one that does not occur any more; the page on moving has the list from here.
 */
import type { Difference } from './compare.js';

export interface Listed {
  readonly name: string;
  readonly reason: string;
  is(difference: Difference): boolean;
}

const at =
  (...paths: RegExp[]) =>
  ({ ask }: Difference): boolean =>
    paths.some((path) => path.test(ask.path));

/** The request fails, and what it put in is not there afterwards. */
const refused =
  (path: RegExp, left: string) =>
  (difference: Difference): boolean => {
    const { field, theirs, ours, ask } = difference;
    if (at(path)(difference)) return field === 'body' || (field === 'status' && theirs === 200 && ours === 500);
    return ask.path === '/' && field === 'body' && String(theirs).includes(left) && !String(ours).includes(left);
  };

const keysOf = (body: unknown): readonly string[] => {
  const parsed = JSON.parse(String(body)) as { keys?: string[]; data?: object };
  return (parsed.keys ?? Object.keys(parsed.data ?? {})).filter((key) => key !== 'cookie');
};

export const listed: readonly Listed[] = [
  {
    name: 'The cookie says SameSite=Lax',
    reason: 'other sites can not send it along with forms and scripts of theirs.',
    is: ({ field, theirs, ours }) => field === 'attributes' && ours === `${String(theirs)}; SameSite=Lax`,
  },
  {
    name: 'Answers that depend on the session say so to caches',
    reason:
      "`private` and `Vary: Cookie`, and `no-store` with a cookie or for somebody signed in: no cache shows one person's page to another.",
    is: ({ field, theirs, ours }) => {
      const [theirControl, theirVary = ''] = String(theirs).split('|');
      const [control, vary] = String(ours).split('|');
      const also = theirVary === '' ? 'Cookie' : `${theirVary}, Cookie`;
      if (field !== 'caching' || theirControl !== '') return false;
      return control === 'no-store' ? vary === theirVary || vary === also : control === 'private' && vary === also;
    },
  },
  {
    name: 'A cookie that outlives the browser is not sent again with each change',
    reason: 'it is good for the absolute limit, and a late response would overwrite a newer one (G4).',
    is: ({ field, theirs, ours }) => field === 'cookie' && theirs === 'set again for longer' && ours === 'kept',
  },
  {
    name: 'A changed lifetime is sent at once',
    reason: 'the browser learns that the cookie outlives it, or does not any more, with the response that decides it.',
    is: (difference) =>
      at(/^\/max-age\/60000/, /^\/no-expiry/)(difference) &&
      difference.field === 'cookie' &&
      difference.theirs === 'kept' &&
      String(difference.ours).startsWith('set again'),
  },
  {
    name: 'A lifetime longer than `idle` is an error',
    reason: 'one session can only live shorter than what is configured (G8).',
    is: refused(/^\/max-age\/999999999/, 'never stored'),
  },
  {
    name: 'A lifetime of 0 ends the session',
    reason: 'express-session leaves it to the browser to forget the cookie.',
    is: (difference) =>
      at(/^\/expire-now/)(difference) && difference.field === 'cookie' && difference.ours === 'cleared',
  },
  {
    name: 'HttpOnly and its kin can not be changed',
    reason: 'a guarantee rests on each; the error names it.',
    is: refused(/^\/scripts-may-read/, 'never stored'),
  },
  {
    name: 'An ended session clears its cookie',
    reason: 'the browser does not go on sending what opens nothing.',
    is: (difference) =>
      at(/^\/logout/, /^\/store-destroy/, /^\/null/, /^\/undefined/)(difference) &&
      difference.field === 'cookie' &&
      difference.theirs === 'kept' &&
      difference.ours === 'cleared',
  },
  {
    name: '`req.session` after `destroy` is an empty object',
    reason: 'code that looks at it goes on, and a write to it is an error.',
    is: (difference) =>
      at(/^\/destroyed/)(difference) && difference.field === 'body' && difference.ours === '{"session":"object"}',
  },
  {
    name: '`req.session` after `reload` is the same object',
    reason: 'whoever holds it goes on with what is stored.',
    is: (difference) =>
      at(/^\/reload/)(difference) &&
      difference.field === 'body' &&
      difference.ours === String(difference.theirs).replace('"another":true', '"another":false'),
  },
  {
    name: '`cookie` is no key of the session',
    reason: 'its keys, and its JSON, are the data.',
    is: (difference) =>
      at(/^\/keys/, /^\/json/)(difference) &&
      difference.field === 'body' &&
      keysOf(difference.theirs).join() === keysOf(difference.ours).join(),
  },
  {
    name: '`req.sessionID` is not the cookie',
    reason: 'a log line with it opens nothing (G11).',
    is: (difference) =>
      at(/^\/id/)(difference) &&
      difference.field === 'body' &&
      difference.ours === String(difference.theirs).replace('"inCookie":true', '"inCookie":false'),
  },
  {
    name: 'Another identity in a session gets a new token',
    reason: 'also where the app forgot to regenerate, nobody who knew the old one is signed in (G3).',
    is: (difference) =>
      at(/^\/login-without-regenerate/)(difference) &&
      difference.field === 'cookie' &&
      /^set(?: for longer)?$/.test(String(difference.ours)),
  },
  {
    name: 'Data comes back as it was',
    reason: 'a Date is a Date; so are Map, Set, BigInt, Buffer and undefined.',
    is: (difference) =>
      at(/^\/date/)(difference) && difference.field === 'body' && String(difference.ours).includes('"date":true'),
  },
  {
    name: 'What can not be stored is an error',
    reason: 'express-session drops a function in silence.',
    is: refused(/^\/function/, 'never stored'),
  },
  {
    name: 'The names of verbs can not hold data',
    reason: "`info`, `update`, `signIn` and the others are the session's own.",
    is: refused(/^\/taken-name/, '"info":"mine"'),
  },
  {
    name: 'A session is at most 64 KiB',
    reason: '`maxDataBytes`: it is read with each request.',
    is: refused(/^\/large/, '"large":"x'),
  },
  {
    name: 'A session that begins after the head is out cuts the response',
    reason: 'its cookie can not follow, so the data would be lost behind a 200 (G5).',
    is: (difference) =>
      at(/^\/stream-late/)(difference) &&
      difference.ask.who === 'hugo' &&
      ['status', 'body', 'type'].includes(difference.field),
  },
  {
    name: 'Blanks and quotes around a cookie do not belong to it',
    reason: 'only the exact value counts, so that nothing else passes for it.',
    is: ({ ask, field, theirs }) =>
      field === 'body' &&
      ask.cookie !== undefined &&
      /^[ "]x[ "]$/.test(ask.cookie('x')) &&
      String(theirs).includes('"views":1'),
  },
  {
    name: 'Overlapping requests lose nothing',
    reason: 'their changes are merged; the later save of express-session overwrites the others (G1).',
    is: ({ ask, field, theirs, ours }) =>
      ask.who === 'liam' && field === 'body' && keysOf(ours).length === 11 && keysOf(theirs).length < 11,
  },
  {
    name: 'What has ended stays ended',
    reason:
      'a request that was under way is told by a 401; express-session saves it, and somebody is signed in again (G2).',
    is: ({ ask, field, theirs, ours }) =>
      ask.path === '/held/set/late'
        ? field === 'body' || (field === 'status' && ours === 401)
        : /mona|nora/.test(ask.who) &&
          field === 'body' &&
          String(theirs).includes('"late":true') &&
          !String(ours).includes('late'),
  },
];

/** The list as the page has it. */
export const asMarkdown = (): string => listed.map(({ name, reason }) => `- **${name}**: ${reason}`).join('\n');
