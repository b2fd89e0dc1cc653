/** What a guard says to a script: problem details (RFC 9457) and the challenge that belongs to a 401 (RFC 9110 section 15.5.2). */
import { STATUS_CODES } from 'node:http';
import type { Requirement, SessionError } from '../core/errors.js';

export type { Requirement };

/** The body of a refusal, `application/problem+json`. */
export interface SessionProblem {
  /** Always `about:blank`: what kind of problem it is, `code` says. */
  readonly type: 'about:blank';
  /** The phrase of the status, as RFC 9457 section 4.2.1 wants it with `about:blank`. */
  readonly title: string;
  readonly status: number;
  readonly code: SessionError['code'];
  readonly detail: string;
  /** What is missing, all of it. */
  readonly missing: readonly Requirement[];
  /** The page of this app where it can be had. */
  readonly page?: string;
  /** Why the session of the request's cookie is over, if it is (`info.endedReason`). */
  readonly endedReason?: string;
}

export function problemOf(error: SessionError): SessionProblem {
  return {
    type: 'about:blank',
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message,
    missing: error.missing ?? [],
    ...(error.page === undefined ? {} : { page: error.page }),
    ...(error.reason === undefined ? {} : { endedReason: error.reason }),
  };
}

/**
 * The `WWW-Authenticate` field. No registered scheme stands for cookies; browsers ignore one that they do not know. The
 * parameters are those of RFC 9470 section 3 (`insufficient_user_authentication`, `acr_values`, `max_age`) and RFC 6750
 * section 3 (`insufficient_scope`, `scope`), so that a client which knows step-up from OAuth reads them alike.
 */
export function challengeOf(missing: readonly Requirement[]): string {
  const parts: string[] = [];
  for (const one of missing) {
    if (one.requirement === 'aal') parts.push(`acr_values="aal${one.wanted}"`);
    else if (one.requirement === 'freshness') parts.push(`max_age="${one.withinSeconds}"`);
    else if (one.requirement === 'scope') parts.push(`scope="${one.scope}"`);
    else return 'Session';
  }
  const error = missing.every(({ requirement }) => requirement === 'scope')
    ? 'insufficient_scope'
    : 'insufficient_user_authentication';
  return `Session error="${error}", ${parts.join(', ')}`;
}
