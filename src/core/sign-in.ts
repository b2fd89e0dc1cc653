/** The verbs that give a session a new token: sign-in, re-authentication, regeneration. There is no other way to sign in (G3). */
import { aalOf, names, ownerName, startOf } from './arguments.js';
import type { Changes } from './changes.js';
import { durationMs } from './duration.js';
import { SessionError } from './errors.js';
import type { SessionHandle, Stored } from './handle.js';
import { newHeader } from './headers.js';
import { flag, takeOptions } from './options.js';
import type { Parts } from './parts.js';
import type { RecordHeader } from './record.js';
import { busy, endedError, requireUsable, storedOf } from './refusals.js';
import type { PutResult } from './repository.js';
import { type Data, fill, type ReauthenticateOptions, type Session, type SignInOptions } from './session.js';
import { newId, newSecret } from './token.js';

const signInOptions = ['aal', 'amr', 'persistent', 'idle', 'absolute', 'keep', 'startedAt'] as const;
const reauthenticateOptions = ['aal', 'amr', 'startedAt'] as const;

export class SignIn {
  readonly #parts: Parts;
  readonly #changes: Changes;
  readonly #sessionOf: (handle: SessionHandle) => Session;

  constructor(parts: Parts, changes: Changes, sessionOf: (handle: SessionHandle) => Session) {
    this.#parts = parts;
    this.#changes = changes;
    this.#sessionOf = sessionOf;
  }

  async signIn(handle: SessionHandle, owner: string | number | bigint, options: SignInOptions = {}): Promise<void> {
    const { config, guard, repository } = this.#parts;
    const changes = this.#changes;
    const name = ownerName(owner);
    const chosen = takeOptions<SignInOptions>(options, signInOptions, 'signIn');
    const keep = chosen.keep === undefined ? [] : names(chosen.keep, 'signIn keep');
    const wanted = this.#wanted(name, chosen);
    const absoluteMs =
      chosen.absolute === undefined ? config.absoluteMs : durationMs(chosen.absolute, 'signIn absolute');
    const startedAt = startOf(handle, chosen);
    requireUsable(handle);
    changes.requireCookie(handle);
    await changes.queued(handle, async () => {
      const deadline = guard.deadline();
      const ownerFields = changes.ownerFields(name, startedAt);
      for (;;) {
        requireUsable(handle);
        // Again: the head may have gone out while this waited for its turn.
        changes.requireCookie(handle);
        const before = handle.phase === 'alive' ? handle.stored : undefined;
        const session = this.#sessionOf(handle);
        const data = pick(session, handle.phase === 'superseded' ? [] : keep);
        const seen: Data = { ...session };
        const secret = newSecret();
        const header = {
          ...newHeader(config, handle.facts, secret, wanted),
          authenticatedAt: config.clock.now(),
          absoluteDeadline: config.clock.now() + absoluteMs,
        };
        const id = newId(ownerFields.ownerHash);
        const encoded = changes.encode(data);
        const put = before
          ? await repository.replace(before, id, header, encoded, ownerFields, deadline)
          : await repository.create(id, header, encoded, ownerFields, deadline);
        if (put.result === 'stored') {
          handle.endedReason = undefined;
          if (before) changes.replaced(handle, before, put.stored, secret, 'sign-in');
          else this.#begun(handle, put.stored, secret);
          // What the handler set while this was under way belongs to the new session.
          fill(session, { ...data, ...setSince(seen, session) });
          return;
        }
        if (put.result === 'conflict' && keep.length === 0) changes.takeOver(handle, put.found);
        else if (put.result === 'conflict') changes.rebase(handle, before as Stored, put.found);
        else if (put.result === 'gone') await changes.whyGone(handle);
        else throw refusal(put);
        if (guard.isPast(deadline)) throw busy();
      }
    });
  }

  async reauthenticate(handle: SessionHandle, options: ReauthenticateOptions = {}): Promise<void> {
    const { config } = this.#parts;
    const changes = this.#changes;
    const chosen = takeOptions<ReauthenticateOptions>(options, reauthenticateOptions, 'reauthenticate');
    const aal = chosen.aal === undefined ? undefined : aalOf(chosen.aal, 'reauthenticate aal');
    const amr = chosen.amr === undefined ? undefined : names(chosen.amr, 'reauthenticate amr');
    const startedAt = startOf(handle, chosen);
    requireUsable(handle);
    if (!handle.stored?.header.owner) {
      throw new SessionError(
        'ERR_SESSION_SIGN_IN_REQUIRED',
        'reauthenticate: nobody is signed in on this session. Use signIn(owner).',
      );
    }
    changes.requireCookie(handle);
    await this.#replaceKeepingData(handle, startedAt, 'reauthentication', (before, secret) => {
      const { header } = before;
      const ownMs = header.absoluteDeadline - (header.authenticatedAt ?? header.createdAt);
      const now = config.clock.now();
      return {
        ...newHeader(config, handle.facts, secret, header),
        aal: aal ?? header.aal,
        amr: amr ?? header.amr,
        authenticatedAt: now,
        absoluteDeadline: now + (header.ownAbsolute ? ownMs : config.absoluteMs),
      };
    });
  }

  /** Replaces the session by an empty one. `emptied` runs at once then, before any other verb of the request goes on. */
  async regenerate(handle: SessionHandle, emptied: () => void): Promise<void> {
    const { config, guard, repository } = this.#parts;
    const changes = this.#changes;
    requireUsable(handle);
    if (handle.phase === 'alive') {
      changes.requireCookie(handle);
      await changes.queued(handle, async () => {
        const deadline = guard.deadline();
        for (;;) {
          changes.requireCookie(handle);
          const before = storedOf(handle);
          const secret = newSecret();
          const put = await repository.replace(
            before,
            newId(),
            newHeader(config, handle.facts, secret, {}),
            changes.encode({}),
            {},
            deadline,
          );
          if (put.result === 'stored') {
            changes.replaced(handle, before, put.stored, secret, 'regenerate');
            return emptied();
          }
          if (put.result === 'gone') {
            this.#startAfresh(handle);
            return emptied();
          }
          if (put.result !== 'conflict') throw refusal(put);
          // What the other request stored is dropped with the rest: an empty session is what was asked for.
          changes.takeOver(handle, put.found);
          if (guard.isPast(deadline)) throw busy();
        }
      });
    } else {
      this.#startAfresh(handle);
      emptied();
    }
  }

  /** Replaces the session by one with the same data, taking in what other requests stored meanwhile. */
  async #replaceKeepingData(
    handle: SessionHandle,
    startedAt: number,
    cause: string,
    headerFrom: (before: Stored, secret: Uint8Array) => RecordHeader,
  ): Promise<void> {
    const { guard, repository } = this.#parts;
    const changes = this.#changes;
    await changes.queued(handle, async () => {
      const deadline = guard.deadline();
      const session = this.#sessionOf(handle);
      for (;;) {
        const before = storedOf(handle);
        const secret = newSecret();
        const header = headerFrom(before, secret);
        const owner = changes.ownerFields(header.owner, startedAt);
        const put = await repository.replace(
          before,
          newId(owner.ownerHash),
          header,
          changes.encode(session),
          owner,
          deadline,
        );
        if (put.result === 'stored') return changes.replaced(handle, before, put.stored, secret, cause);
        if (put.result === 'gone') throw endedError(await changes.whyGone(handle));
        if (put.result !== 'conflict') throw refusal(put);
        changes.rebase(handle, before, put.found);
        if (guard.isPast(deadline)) throw busy();
      }
    });
  }

  #wanted(owner: string, options: SignInOptions): Partial<RecordHeader> {
    const { config } = this.#parts;
    const absoluteMs =
      options.absolute === undefined
        ? config.absoluteMs
        : durationMs(options.absolute, 'signIn absolute', { minMs: 1_000 });
    const idleMs =
      options.idle === undefined
        ? Math.min(config.idleMs, absoluteMs)
        : durationMs(options.idle, 'signIn idle', { minMs: 1_000, maxMs: absoluteMs });
    return {
      owner,
      aal: options.aal === undefined ? 1 : aalOf(options.aal, 'signIn aal'),
      amr: options.amr === undefined ? [] : names(options.amr, 'signIn amr'),
      persistent: flag(options.persistent ?? config.persistent, 'signIn persistent'),
      idleMs,
      ownIdle: options.idle !== undefined,
      ownAbsolute: options.absolute !== undefined,
    };
  }

  #begun(handle: SessionHandle, stored: Stored, secret: Uint8Array): void {
    this.#changes.settled(handle, stored, secret);
    this.#parts.events.emit({ type: 'created', id: stored.id });
  }

  /** As if the request had come without a cookie. */
  #startAfresh(handle: SessionHandle): void {
    handle.phase = 'none';
    handle.stored = undefined;
    handle.minted = undefined;
    handle.offer = undefined;
    handle.dropped = false;
  }
}

function pick(session: Session, keep: readonly string[]): Data {
  const source = session as unknown as Data;
  const kept: Data = {};
  for (const key of keep) {
    if (Object.hasOwn(source, key)) kept[key] = source[key];
  }
  return kept;
}

function setSince(seen: Data, session: Session): Data {
  return Object.fromEntries(Object.entries(session).filter(([key, value]) => !Object.is(seen[key], value)));
}

function refusal(put: PutResult): SessionError {
  if (put.result === 'barred') {
    return new SessionError(
      'ERR_SESSION_BARRED',
      "This sign-in began before the person's sessions were revoked, so it does not count. Check the credentials again.",
    );
  }
  if (put.result === 'limit') {
    return new SessionError(
      'ERR_SESSION_LIMIT',
      'This person has as many sessions as are allowed. One must end before another begins.',
    );
  }
  return new SessionError('ERR_SESSION_CONFLICT', `The session could not be replaced (${put.result}). Try again.`);
}
