/**
 * `HoldfastStore`: a store of express-session over any store of holdfast's contract. express-session's face, with its
 * callbacks; what happens beneath is in sessions.ts.
 */
import { type Session, type SessionData, Store } from 'express-session';
import { listSessions, revokeOwner, revokeSession, type SessionSummary } from '../core/admin.js';
import { SessionError } from '../core/errors.js';
import { takeOptions } from '../core/options.js';
import { isScannable, isSweepable } from '../core/store.js';
import { startSweeping } from '../core/sweeper.js';
import { type HoldfastStoreOptions, resolveStoreOptions } from './options.js';
import { readPayload, sessionFrom } from './payload.js';
import { Sessions } from './sessions.js';

type Callback<T = void> = (error?: unknown, value?: T) => void;
type Request = Parameters<Store['createSession']>[0];

/** Ours are public ids (G11): a list of express-session's own ids would be a list of everybody's cookies. */
export type SessionsById = Record<string, SessionData>;

/**
 *     app.use(session({ store: new HoldfastStore({ store: redisStore({ client }), secret: storeSecret }),
 *                       secret: cookieSecret, resave: false, saveUninitialized: false }));
 *
 * Overlapping requests lose nothing, a destroyed session stays destroyed, ids are hashed and data is sealed at rest,
 * and a hung store is an error within `storeDeadline`. docs/migrating/from-express-session.md says what it can't keep.
 * Throws ERR_SESSION_OPTION and the errors of secrets at once; methods answer their callbacks, never throw.
 */
export class HoldfastStore extends Store {
  /** Put here by express-session. */
  declare generate: (req: Request) => void;
  readonly #sessions: Sessions;
  readonly #stopSweeping: () => void;

  constructor(options: HoldfastStoreOptions) {
    super();
    const sessions = new Sessions(resolveStoreOptions(options));
    this.#sessions = sessions;
    const { store, guard, config } = sessions;
    this.#stopSweeping = isSweepable(store) ? startSweeping(store, guard, config.clock) : () => {};
    noteRequests(this, (req) => sessions.starts.begin(req));
  }

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    answer<SessionData | null | undefined>(
      () => this.#sessions.load(sid) as Promise<SessionData | undefined>,
      callback,
    );
  }

  /** Merges with what other requests have stored since this one loaded it. Never brings back what has ended. */
  override set(sid: string, session: SessionData, callback?: Callback): void {
    answer(() => this.#sessions.save(sid, session), callback);
  }

  override touch(sid: string, session: SessionData, callback?: Callback): void {
    answer(() => this.#sessions.touch(sid, session), callback);
  }

  override destroy(sid: string, callback?: Callback): void {
    answer(() => this.#sessions.end(sid, 'destroyed'), callback && ((error) => callback(error)));
  }

  /**
   * Ends the old session before the new one begins. If that fails the request gets a new id all the same: an identity
   * that an app writes without looking at the error must not land in the id from before.
   */
  override regenerate(req: Request, callback: Callback): void {
    answer(
      () => this.#sessions.end(req.sessionID, 'replaced'),
      (error) => {
        this.generate(req);
        callback(error);
      },
    );
  }

  override createSession(req: Request, data: SessionData): Session & SessionData {
    this.#sessions.starts.begin(req);
    const session = super.createSession(req, data);
    this.#sessions.carry(data, session);
    return session;
  }

  /** Every live session, by its public id, all in memory at once. Needs a store that can be walked (`scan`). */
  override all(callback: (error: unknown, sessions?: SessionsById | null) => void): void {
    answer(async () => {
      const sessions: SessionsById = Object.create(null);
      for await (const [id, session] of this.#walk('all')) sessions[id] = session;
      return sessions;
    }, callback);
  }

  override length(callback: (error: unknown, length?: number) => void): void {
    answer(async () => {
      let count = 0;
      for await (const _ of this.#walk('length')) count++;
      return count;
    }, callback);
  }

  /** Ends every session of this secret and audience; others in the same store stay. */
  override clear(callback?: Callback): void {
    answer(async () => {
      for await (const [id] of this.#walk('clear')) await this.#sessions.endSession(id, 'destroyed');
    }, callback);
  }

  /** The owner's live sessions, oldest first. Needs the option `owner` and a store that finds sessions by owner. */
  async list(owner: string | number | bigint): Promise<SessionSummary[]> {
    return listSessions(this.#sessions, owner);
  }

  /** Ends one session by its public id. False if there was none. */
  async revoke(id: string, reason = 'revoked'): Promise<boolean> {
    return revokeSession(this.#sessions, id, reason);
  }

  /** Ends every session of an owner but `except` (a public id), and bars each sign-in of theirs that had begun before. Answers how many ended. */
  async revokeAll(
    owner: string | number | bigint,
    options: { readonly except?: string; readonly reason?: string } = {},
  ): Promise<number> {
    const { reason, except } = takeOptions<typeof options>(options, ['except', 'reason'], 'revokeAll');
    return revokeOwner(this.#sessions, owner, reason ?? 'revoked', except);
  }

  /** The public name of a session, such as `store.publicId(req.session)`: for logs, lists and `revoke`. It opens nothing; `req.session.id` does. */
  publicId(session: Pick<Session, 'id'>): string {
    return this.#sessions.idOf(session.id, session);
  }

  /** Stops sweeping and closes what the store itself opened. */
  async close(): Promise<void> {
    this.#stopSweeping();
    await this.#sessions.store.close?.();
  }

  async *#walk(operation: string): AsyncGenerator<[id: Parameters<Sessions['endSession']>[0], session: SessionData]> {
    const { store, guard, repository } = this.#sessions;
    if (!isScannable(store)) {
      throw new SessionError(
        'ERR_SESSION_STORE_CAPABILITY',
        `${operation}: the ${store.name} store can't be walked (it lacks scan). list and revokeAll work by owner, without a walk.`,
      );
    }
    let cursor: string | undefined;
    do {
      const at = cursor;
      const page = await guard.call('scan', () => store.scan(at));
      for (const { id, record } of page.entries) {
        // Another app's, or another secret's, does not open.
        const found = repository.open(id, record);
        const payload = found.kind === 'found' ? readPayload(found.stored.data) : undefined;
        if (found.kind !== 'found' || !payload) continue;
        const { life, until } = this.#sessions.lifeOf(found.stored, payload.texts.expires);
        if (life === 'alive') yield [id, sessionFrom(payload, until) as unknown as SessionData];
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

/** express-session puts `generate` on its store, and calls it when a request without a session comes. */
function noteRequests(store: HoldfastStore, note: (req: object) => void): void {
  let generate: (req: Request) => void = () => {};
  Object.defineProperty(store, 'generate', {
    configurable: true,
    enumerable: true,
    get: () => generate,
    set(make: (req: Request) => void) {
      generate = (req) => {
        note(req);
        make(req);
      };
    },
  });
}

/**
 * Calls back once, whatever happens, and outside of the promise: what a callback throws is the app's own, and must
 * neither be swallowed nor answered by a second call.
 */
function answer<T>(run: () => Promise<T>, callback: ((error?: unknown, value?: T) => void) | undefined): void {
  const reply = callback ?? (() => {});
  let promise: Promise<T>;
  try {
    promise = run();
  } catch (error) {
    process.nextTick(reply, error);
    return;
  }
  promise.then(
    (value) => process.nextTick(reply, null, value),
    (error) => process.nextTick(reply, error),
  );
}
