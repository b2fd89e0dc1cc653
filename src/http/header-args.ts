import type { OutgoingHttpHeader } from 'node:http';

interface HeaderStore {
  setHeader(name: string, value: OutgoingHttpHeader): unknown;
  appendHeader(name: string, value: string | readonly string[]): unknown;
}

/**
 * Puts the headers argument of `writeHead` into the response's own headers, so that a commit sees them and can
 * add to them. Takes all of Node's forms: an object, a flat array of names and values, an array of pairs.
 *
 * A header here replaces one that was set before, as in Node. The same name twice within the argument, in any
 * spelling, keeps both values: otherwise one of two `Set-Cookie` would be lost.
 *
 * Answers false for an array that Node refuses, with nothing set. Throws what `setHeader` throws.
 */
export function applyHeaderArgument(res: HeaderStore, headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null) return true;
  const seen = new Set<string>();
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) add(res, seen, name, value);
    return true;
  }
  if (Array.isArray(headers[0])) {
    for (const [name, value] of headers) add(res, seen, name, value);
    return true;
  }
  if (headers.length % 2 !== 0) return false;
  for (let at = 0; at < headers.length; at += 2) add(res, seen, headers[at], headers[at + 1]);
  return true;
}

function add(res: HeaderStore, seen: Set<string>, name: string, value: OutgoingHttpHeader): void {
  // Node passes over an empty name here.
  if (!name) return;
  const key = String(name).toLowerCase();
  if (seen.has(key)) {
    res.appendHeader(name, typeof value === 'number' ? String(value) : value);
    return;
  }
  seen.add(key);
  // A copy, since a later append would push into the caller's own array.
  res.setHeader(name, Array.isArray(value) ? [...value] : value);
}
