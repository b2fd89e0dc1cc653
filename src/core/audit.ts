/**
 * What an audit log is told: who signed in, proved who they are again, gained or lost a session, and what was refused
 * (ASVS 5.0, 16.3.1 to 16.3.3). Made from the events, with the person and the client that they concern. Never a token, a
 * secret or a hash of one. Renewals of the token, conflicts and faults are for operators, and not in it.
 */
import { isIP } from 'node:net';
import type { SessionEvent } from './events.js';
import type { RequestFacts, Stored } from './handle.js';

export type AuditAction =
  | 'sign-in'
  | 'sign-in-step'
  | 'sign-in-refused'
  | 'reauthentication'
  | 'elevation'
  | 'credential-changed'
  | 'sign-out'
  | 'session-ended'
  | 'everything-ended'
  | 'move-refused'
  | 'token-refused'
  | 'record-refused'
  | 'guard-refused'
  | 'csrf-refused'
  | 'csrf-reported'
  | 'cross-site-refused'
  | 'cross-site-reported';

export interface AuditEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly action: AuditAction;
  /** Why, or with what: the event's reason, the scope of an elevation, the field of a sign-in by hand. */
  readonly reason?: string;
  /** The public id of the session. */
  readonly id?: string;
  /** The public id of the session whose place it took. */
  readonly replacedId?: string;
  /** Whose session it is, or was; of a sign-in that waits for a step, who has begun it. */
  readonly owner?: string;
  readonly method?: string;
  /** The client's whole address, as the request shows it; absent where no request is concerned, or it is no IP address. */
  readonly address?: string;
  /** Cut to 256 characters, each control character replaced by U+FFFD. */
  readonly userAgent?: string;
}

export type AuditSink = (event: AuditEvent) => unknown;

/** Whom an event concerns, as far as is known where it happens: a request's handle is one. */
export interface Actor {
  readonly facts?: RequestFacts;
  readonly stored?: Stored | undefined;
  readonly owner?: string | undefined;
}

const longestUserAgent = 256;

/** Undefined for what does not belong into an audit log. */
export function auditEventOf(event: SessionEvent, actor: Actor = {}): AuditEvent | undefined {
  const { facts, stored } = actor;
  const owner = actor.owner ?? stored?.header.owner ?? stored?.header.pending?.owner;
  const said = describeFor(event, stored);
  if (!said) return undefined;
  const { address, userAgent } = facts ?? {};
  return {
    time: new Date(event.at).toISOString(),
    ...said,
    ...('id' in event && event.id !== undefined ? { id: event.id } : {}),
    ...('method' in event ? { method: event.method } : {}),
    ...(owner === undefined ? {} : { owner }),
    // Behind a proxy that passes on what the client wrote it could be any text.
    ...(address === undefined || isIP(address) === 0 ? {} : { address }),
    ...(userAgent === undefined ? {} : { userAgent: printable(userAgent.slice(0, longestUserAgent)) }),
  };
}

/** Without control characters: JSON escapes those below U+0020 alone, and a terminal that shows the log obeys the others. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is meant
const printable = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '\ufffd');

type Said = Pick<AuditEvent, 'action' | 'reason' | 'replacedId'> | undefined;

function describeFor(event: SessionEvent, stored: Stored | undefined): Said {
  switch (event.type) {
    case 'created':
      if (stored?.header.pending) return { action: 'sign-in-step', reason: stored.header.pending.step };
      return stored?.header.owner === undefined ? undefined : { action: 'sign-in' };
    case 'identified':
      return { action: 'sign-in', reason: event.cause };
    case 'adopted':
      return stored?.header.owner === undefined ? undefined : { action: 'sign-in', reason: 'adopted' };
    case 'replaced':
      return replaced(event.cause, event.replacedId, stored);
    case 'ended':
      return event.reason === 'signed-out' || event.reason === 'destroyed'
        ? { action: 'sign-out' }
        : { action: 'session-ended', reason: event.reason };
    case 'everything-ended':
      return { action: 'everything-ended', reason: event.reason };
    case 'token-refused':
      return { action: event.type, reason: event.endedReason ?? event.reason };
    default:
      // All others of that name have a reason: one that is added some day is not left out.
      return /-(refused|reported)$/.test(event.type)
        ? { action: event.type as AuditAction, reason: (event as { readonly reason: string }).reason }
        : undefined;
  }
}

function replaced(cause: string, replacedId: string, stored: Stored | undefined): Said {
  const [what = '', detail] = cause.split(/:(.*)/s, 2);
  switch (what) {
    case 'sign-in':
    case 'reauthentication':
    case 'credential-changed':
      return { action: what, replacedId };
    case 'sign-in-pending':
      return {
        action: 'sign-in-step',
        replacedId,
        ...(stored?.header.pending ? { reason: stored.header.pending.step } : {}),
      };
    case 'elevation':
      return { action: 'elevation', replacedId, ...(detail === undefined ? {} : { reason: detail }) };
    case 'identity':
      return { action: 'sign-in', replacedId, reason: cause };
    default:
      return undefined;
  }
}
