import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { GatedResponse } from './gate-types.js';

/** Status and headers of a response at one moment, to go back to. Cheap to take: it runs on every request. */
export interface HeadSnapshot {
  readonly statusCode: number;
  /** Absent in HTTP/2, where even reading it warns. */
  readonly statusMessage: string | undefined;
  readonly sendDate: boolean;
  readonly headers: OutgoingHttpHeaders;
  /** The names as they were written, in the order of `headers`; HTTP/2 has lower case only. */
  readonly rawNames: readonly string[] | undefined;
}

/** What is cheap to know of a head early: enough to leave out of a later snapshot what came in between. */
export interface HeadBefore {
  readonly statusCode: number;
  /** In lower case. */
  readonly headerNames: readonly string[];
}

/** `before`: the snapshot is of that earlier moment, as far as names tell. */
export function takeSnapshot(res: GatedResponse, http2: boolean, before?: HeadBefore): HeadSnapshot {
  const headers = res.getHeaders();
  let rawNames = http2 ? undefined : res.getRawHeaderNames?.();
  if (before && before.headerNames.length !== Object.keys(headers).length) {
    rawNames = rawNames?.filter((name) => before.headerNames.includes(name.toLowerCase()));
    for (const name in headers) if (!before.headerNames.includes(name)) delete headers[name];
  }
  for (const name in headers) {
    const value = headers[name];
    // appendHeader pushes into the array that is set.
    if (Array.isArray(value)) headers[name] = [...value];
  }
  return {
    statusCode: before?.statusCode ?? res.statusCode,
    statusMessage: http2 || before ? undefined : res.statusMessage,
    sendDate: res.sendDate,
    headers,
    rawNames,
  };
}

/** Puts status and headers back, whatever came between. */
export function restoreSnapshot(res: GatedResponse, http2: boolean, snapshot: HeadSnapshot): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  if (!http2) {
    // Node remembers a removal and would leave out the framing and the keep-alive of whatever answers now.
    for (const flag of ['_removedConnection', '_removedContLen', '_removedTE']) {
      if (flag in res) Reflect.set(res, flag, false);
    }
    res.statusMessage = snapshot.statusMessage as string;
    // Those of the body that will not go out.
    res.addTrailers({});
  }
  const { headers, rawNames } = snapshot;
  let at = 0;
  for (const name in headers) {
    const value = headers[name] as OutgoingHttpHeader;
    res.setHeader(rawNames?.[at] ?? name, Array.isArray(value) ? [...value] : value);
    at += 1;
  }
  res.statusCode = snapshot.statusCode;
  res.sendDate = snapshot.sendDate;
}

/** Whether status and headers are still what a snapshot holds. */
export function matchesSnapshot(res: GatedResponse, snapshot: HeadSnapshot): boolean {
  if (res.statusCode !== snapshot.statusCode) return false;
  const names = Object.keys(snapshot.headers);
  return (
    names.length === res.getHeaderNames().length &&
    names.every((name) => String(res.getHeader(name)) === String(snapshot.headers[name]))
  );
}
