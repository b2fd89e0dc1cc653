/** What the door promises, said a second time and as simply as can be: who has which session, and what is in it. */

export const idleMs = 600_000;
export const absoluteMs = 3_600_000;
const touchEveryMs = 60_000;
/** For so long a session that was ended with a cookie of its own lets nothing begin in its place. */
const supersededMs = 60_000;

export type Data = Record<string, unknown>;

export interface ModelSession {
  owner: string | undefined;
  data: Data;
  endsAt: number;
  lastSeenAt: number;
  ended: { readonly at: number; readonly reason: string } | undefined;
}

/** What an answer must look like. `cookie`: a new one, one that clears, or none at all. */
export interface Expected {
  readonly status: number;
  readonly cookie: 'new' | 'clear' | 'none';
}

const fine: Expected = { status: 200, cookie: 'none' };
const renewed: Expected = { status: 200, cookie: 'new' };
const refused: Expected = { status: 401, cookie: 'none' };

/** One request as the model sees it: the session that its token names, at the moment at which it came. */
export class Model {
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  isAlive(session: ModelSession | undefined): session is ModelSession {
    if (!session || session.ended) return false;
    return this.#now() < Math.min(session.endsAt, session.lastSeenAt + idleMs);
  }

  /** Its place was taken or it was signed out a moment ago: the browser has been told, so nothing may begin over it. */
  #isSuperseded(session: ModelSession | undefined): boolean {
    if (!session?.ended || session.ended.reason === 'revoked') return false;
    return this.#now() < session.ended.at + supersededMs;
  }

  begin(owner: string | undefined, data: Data, endsAt = this.#now() + absoluteMs): ModelSession {
    return { owner, data, endsAt, lastSeenAt: this.#now(), ended: undefined };
  }

  end(session: ModelSession, reason: string): void {
    session.ended ??= { at: this.#now(), reason };
  }

  /** Any request that did not write. */
  used(session: ModelSession | undefined): void {
    if (this.isAlive(session) && this.#now() - session.lastSeenAt >= touchEveryMs) session.lastSeenAt = this.#now();
  }

  change(session: ModelSession | undefined, change: Data, safe: boolean): [Expected, ModelSession?] {
    if (!this.isAlive(session)) {
      if (this.#isSuperseded(session)) return [safe ? fine : refused];
      return [renewed, this.begin(undefined, { ...change })];
    }
    const before = JSON.stringify(session.data);
    const { userId } = session.data;
    const data = { ...session.data, ...change };
    if (JSON.stringify(data) === before) {
      this.used(session);
      return [fine];
    }
    const rose = change.userId !== undefined && change.userId !== userId;
    if (!rose) {
      Object.assign(session, { data, lastSeenAt: this.#now() });
      return [fine];
    }
    this.end(session, 'replaced');
    const known = session.owner !== undefined || userId !== undefined;
    return [renewed, this.begin(session.owner, data, known ? session.endsAt : undefined)];
  }

  signIn(session: ModelSession | undefined, owner: string): [Expected, ModelSession] {
    if (this.isAlive(session)) this.end(session, 'replaced');
    return [renewed, this.begin(owner, {})];
  }

  reauthenticate(session: ModelSession | undefined): [Expected, ModelSession?] {
    if (!this.isAlive(session) || session.owner === undefined) {
      this.used(session);
      return [refused];
    }
    this.end(session, 'replaced');
    return [renewed, this.begin(session.owner, session.data)];
  }

  regenerate(session: ModelSession | undefined): [Expected, ModelSession?] {
    if (!this.isAlive(session)) return [fine];
    this.end(session, 'replaced');
    return [renewed, this.begin(undefined, {})];
  }

  signOut(session: ModelSession | undefined, reason: string): [Expected] {
    // Its successor lives on: "signed out" would be a lie.
    const replaced = session?.ended?.reason === 'replaced' && this.#isSuperseded(session);
    if (this.isAlive(session)) {
      this.end(session, reason);
      return [{ status: 200, cookie: 'clear' }];
    }
    return [replaced ? refused : fine];
  }

  revoke(session: ModelSession): boolean {
    if (session.ended) return session.ended.reason !== 'replaced';
    this.end(session, 'revoked');
    return true;
  }
}
