import type { OutgoingHttpHeader } from 'node:http';
import type { GatedResponse } from './gate-types.js';

/** Status and headers of a response at one moment, to go back to. Cheap to take: it runs on every request. */
export interface HeadSnapshot {
  readonly statusCode: number;
  /** Absent in HTTP/2, where even reading it warns. */
  readonly statusMessage: string | undefined;
  readonly sendDate: boolean;
  /** In the order in which they were set. */
  readonly headers: readonly { readonly name: string; readonly value: OutgoingHttpHeader }[];
}

/** What is cheap to know of a head early: enough to leave out of a later snapshot what came in between. */
export interface HeadBefore {
  readonly statusCode: number;
  readonly headerNames: readonly string[];
}

/** As they were written; HTTP/2 has lower case only. */
export const headerNames = (res: Pick<GatedResponse, 'getHeaderNames' | 'getRawHeaderNames'>): readonly string[] =>
  res.getRawHeaderNames?.() ?? res.getHeaderNames();

/** `before`: the snapshot is of that earlier moment, as far as names tell. */
export function takeSnapshot(res: GatedResponse, http2: boolean, before?: HeadBefore): HeadSnapshot {
  const headers = [];
  for (const name of before?.headerNames ?? headerNames(res)) {
    const value = res.getHeader(name);
    // appendHeader pushes into the array that is set.
    if (value !== undefined) headers.push({ name, value: Array.isArray(value) ? [...value] : value });
  }
  return {
    statusCode: before?.statusCode ?? res.statusCode,
    statusMessage: http2 || before ? undefined : res.statusMessage,
    sendDate: res.sendDate,
    headers,
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
  for (const { name, value } of snapshot.headers) res.setHeader(name, Array.isArray(value) ? [...value] : value);
  res.statusCode = snapshot.statusCode;
  res.sendDate = snapshot.sendDate;
}

/** Whether status and headers are still what a snapshot holds. */
export function matchesSnapshot(res: GatedResponse, snapshot: HeadSnapshot): boolean {
  if (res.statusCode !== snapshot.statusCode) return false;
  const { headers } = snapshot;
  return (
    headers.length === res.getHeaderNames().length &&
    headers.every(({ name, value }) => String(res.getHeader(name)) === String(value))
  );
}
