/**
 * What holdfast has to tell besides answers: refusals with their reason, conflicts, faults. No event carries a token,
 * a secret or a hash of one; `id` is the public id.
 */
import { type Actor, type AuditSink, auditEventOf } from './audit.js';
import { describe } from './errors.js';
import type { SessionId } from './ids.js';

/** Why a cookie was not taken for a session. */
export type RefusalReason =
  | 'malformed'
  | 'mac'
  | 'unknown-key'
  | 'ambiguous'
  | 'unknown-session'
  | 'wrong-secret'
  | 'token-reuse'
  | 'ended'
  | 'idle-expired'
  | 'absolute-expired';

/** Why a stored record was not used. The last two are temporary: another instance can read it. */
export type RecordFault = 'malformed' | 'authentication' | 'newer-format' | 'unknown-key';

/** Why changes were not stored although the response went out. */
export type DropReason = 'ended-meanwhile' | 'aborted' | 'cookie-withheld';

export type SessionEvent =
  | { readonly type: 'created' | 'renewed' | 'adopted'; readonly at: number; readonly id: SessionId }
  | {
      readonly type: 'replaced';
      readonly at: number;
      readonly id: SessionId;
      readonly replacedId: SessionId;
      /** `sign-in`, `sign-in-pending`, `reauthentication`, `elevation:` and the scope, `credential-changed`, `regenerate`, or `identity:` and the field. */
      readonly cause: string;
    }
  /** The app set an identity field, such as `userId`, on a session whose token was new in this request. `cause`: `identity:` and the field. */
  | { readonly type: 'identified'; readonly at: number; readonly id: SessionId; readonly cause: string }
  | { readonly type: 'ended'; readonly at: number; readonly id: SessionId; readonly reason: string }
  | {
      readonly type: 'token-refused';
      readonly at: number;
      readonly reason: RefusalReason;
      readonly id?: SessionId;
      readonly endedReason?: string;
    }
  | {
      readonly type: 'guard-refused';
      readonly at: number;
      /** `guard-` and what is missing first: `sign-in`, `step`, `aal`, `freshness` or `scope`. */
      readonly reason: string;
      readonly id?: SessionId;
    }
  | {
      readonly type: 'sign-in-refused';
      readonly at: number;
      /** The person's sessions were revoked after the sign-in began, or they have as many as are allowed. */
      readonly reason: 'barred' | 'limit';
    }
  | {
      readonly type: 'move-refused';
      readonly at: number;
      /** Why a verified cookie of express-session gave no session. */
      readonly reason: 'ambiguous' | 'ended' | 'expired' | 'adopted-before' | 'barred' | 'malformed';
    }
  | { readonly type: 'everything-ended'; readonly at: number; readonly reason: string }
  | { readonly type: 'record-refused'; readonly at: number; readonly reason: RecordFault; readonly id: SessionId }
  /** A record has data under names of the session's own; `info.legacy` has it. */
  | { readonly type: 'names-taken'; readonly at: number; readonly id?: SessionId; readonly names: readonly string[] }
  | { readonly type: 'conflict'; readonly at: number; readonly id: SessionId; readonly paths: readonly string[] }
  | {
      readonly type: 'change-dropped';
      readonly at: number;
      readonly reason: DropReason;
      readonly id?: SessionId;
      readonly endedReason?: string;
    }
  | {
      readonly type: 'store-fault';
      readonly at: number;
      readonly store: string;
      readonly operation: string;
      readonly error: Error;
    }
  | { readonly type: 'store-recovered'; readonly at: number; readonly store: string }
  | {
      readonly type: 'csrf-refused' | 'csrf-reported';
      readonly at: number;
      readonly reason: 'missing' | 'wrong';
      readonly method: string;
    }
  | {
      readonly type: 'cross-site-refused' | 'cross-site-unverified' | 'cross-site-reported';
      readonly at: number;
      readonly reason: string;
      readonly method: string;
    };

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;
export type EventToEmit = WithoutTime<SessionEvent>;

export type EventListener = (event: SessionEvent) => void;

/** Calls the listeners at once. One that throws or rejects is reported as a process warning: it can't break a request. */
export class Events {
  readonly #listeners = new Set<EventListener>();
  readonly #now: () => number;
  readonly #audit: AuditSink | undefined;

  constructor(now: () => number, audit?: AuditSink) {
    this.#now = now;
    this.#audit = audit;
  }

  /** Adds a listener; the answer removes it. */
  on(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** `actor`: the request's handle, or what else says whom the event concerns; for the audit sink alone. */
  emit(event: EventToEmit, actor?: Actor): void {
    if (this.#listeners.size === 0 && !this.#audit) return;
    const complete = { ...event, at: this.#now() } as SessionEvent;
    if (this.#audit) this.#tellAudit(this.#audit, complete, actor);
    for (const listener of this.#listeners) {
      try {
        const answer: unknown = listener(complete);
        // An async listener whose promise nobody holds would end the process.
        if (answer instanceof Promise) answer.catch((error: unknown) => warn(event.type, error));
      } catch (error) {
        warn(event.type, error);
      }
    }
  }

  /** An audit sink that fails breaks no request, as no listener does. */
  #tellAudit(audit: AuditSink, event: SessionEvent, actor: Actor | undefined): void {
    try {
      const told = auditEventOf(event, actor);
      if (!told) return;
      const answer: unknown = audit(told);
      if (answer instanceof Promise) answer.catch((error: unknown) => warn(event.type, error));
    } catch (error) {
      warn(event.type, error);
    }
  }
}

function warn(type: SessionEvent['type'], error: unknown): void {
  const said = error instanceof Error ? String(error) : describe(error);
  process.emitWarning(`holdfast: an event listener failed on '${type}': ${said}`);
}
