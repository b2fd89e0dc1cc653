/** What a route or a socket asks of a sign-in: one type, and one judge, for `require()` and `upgrade()`. */
import { aalOf, scopeOf } from '../core/arguments.js';
import { type Duration, durationMs, formatDuration } from '../core/duration.js';
import { type Requirement, SessionError } from '../core/errors.js';
import type { SessionInfo } from '../core/session.js';

export interface SignInRequirements {
  /** The assurance level that the sign-in must have reached (NIST SP 800-63B-4). Default 1: any sign-in. */
  readonly aal?: 1 | 2 | 3 | undefined;
  /** The person must have proved who they are at most so long ago: sign-in or `reauthenticate` (ASVS 7.5.1). Default: whenever. */
  readonly freshWithin?: Duration | undefined;
  /** What `elevate` must have unlocked, and still hold open. Default: nothing. */
  readonly scope?: string | undefined;
}

export const requirementNames = ['aal', 'freshWithin', 'scope'] as const;

/** The same, checked. */
export interface Demands {
  readonly aal: number;
  readonly freshWithinMs: number | undefined;
  readonly scope: string | undefined;
}

/** `asker`: who took the options, for messages. */
export function demandsOf({ aal, freshWithin, scope }: SignInRequirements, asker: string): Demands {
  return {
    aal: aal === undefined ? 1 : aalOf(aal, `${asker} aal`),
    freshWithinMs:
      freshWithin === undefined ? undefined : durationMs(freshWithin, `${asker} freshWithin`, { minMs: 1_000 }),
    scope: scope === undefined ? undefined : scopeOf(scope, `${asker} scope`),
  };
}

/** Where each kind of refusal can be mended, as `require()` is told. */
export interface HelpfulPages {
  readonly signInPage?: string | undefined;
  readonly pendingPage?: string | undefined;
  readonly stepUpPage?: string | undefined;
}

/** Why these people are not let in; undefined where they are. */
export function refusalOf(
  info: SessionInfo,
  now: number,
  demands: Demands,
  pages: HelpfulPages = {},
): SessionError | undefined {
  if (info.pending) {
    const { step } = info.pending;
    return new SessionError('ERR_SESSION_PENDING', `The sign-in is not complete: its next step is '${step}'.`, {
      missing: [{ requirement: 'step', step }],
      page: pages.pendingPage,
    });
  }
  if (info.owner === undefined) {
    return new SessionError('ERR_SESSION_SIGN_IN_REQUIRED', 'Nobody is signed in.', {
      missing: [{ requirement: 'sign-in' }],
      page: pages.signInPage,
      reason: info.endedReason,
    });
  }
  const missing: Requirement[] = [];
  const because: string[] = [];
  const lacks = (what: Requirement, sentence: string) => {
    missing.push(what);
    because.push(sentence);
  };
  const { aal: wanted, freshWithinMs, scope } = demands;
  const { aal: got } = info;
  if (got < wanted) lacks({ requirement: 'aal', wanted, got }, `it asks for aal ${wanted}, and this is aal ${got}`);
  if (freshWithinMs !== undefined && !(now - Number(info.authenticatedAt) <= freshWithinMs)) {
    const withinSeconds = Math.ceil(freshWithinMs / 1_000);
    lacks(
      { requirement: 'freshness', withinSeconds },
      `who it is must have been proved within the last ${formatDuration(withinSeconds * 1_000)}`,
    );
  }
  if (scope !== undefined && !info.scopes.includes(scope))
    lacks({ requirement: 'scope', scope }, `'${scope}' is not unlocked`);
  if (missing.length === 0) return undefined;
  return new SessionError(
    'ERR_SESSION_STEP_UP_REQUIRED',
    `The sign-in is not enough for this: ${because.join('; ')}.`,
    {
      missing,
      page: pages.stepUpPage,
      // RFC 6750 section 3.1: a scope that is not there is forbidden ground, while who somebody is stands.
      status: missing.every(({ requirement }) => requirement === 'scope') ? 403 : undefined,
    },
  );
}

/** The word of a refusal in events and for `explain`: what is missing first. */
export const wordOf = ({ missing }: SessionError): string => `guard-${missing?.[0]?.requirement ?? 'sign-in'}`;
