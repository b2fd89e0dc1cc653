/** The verbs that begin a session anew: sign-in, in one step or two, and regeneration. There is no other way to sign in (G3). */
import { aalOf, names, ownerName, startOf, stepOf } from './arguments.js';
import { cookieCanFollow } from './cookie-can-follow.js';
import { durationMs, formatDuration } from './duration.js';
import type { Engine } from './engine.js';
import { argumentError } from './errors.js';
import type { SessionHandle, Stored } from './handle.js';
import { newHeader } from './headers.js';
import { flag, takeOptions } from './options.js';
import { longestPendingMs } from './policy.js';
import { letGo } from './predecessor.js';
import type { RecordHeader } from './record.js';
import { busy, readable, requireUsable, signInRefused, storedOf } from './refusals.js';
import type { OwnerFields } from './repository.js';
import { type Data, fill, type Session, type SignInOptions } from './session.js';
import { newId, newSecret } from './token.js';

const signInOptions = ['aal', 'amr', 'persistent', 'idle', 'absolute', 'keep', 'startedAt', 'pending'] as const;

export class SignIn {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async signIn(handle: SessionHandle, owner: string | number | bigint, options: SignInOptions = {}): Promise<void> {
    const engine = this.#engine;
    const { config, guard, repository, changes } = engine;
    const name = ownerName(owner);
    const chosen = takeOptions<SignInOptions>(options, signInOptions, 'signIn');
    const keep = chosen.keep === undefined ? [] : names(chosen.keep, 'signIn keep');
    const step = chosen.pending === undefined ? undefined : stepOf(chosen.pending);
    const { wanted, absoluteMs } = this.#wanted(chosen, step !== undefined, handle);
    let outlived = false;
    let startedAt = startOf(handle, chosen);
    requireUsable(handle);
    cookieCanFollow(engine, handle, true);
    await changes.queued(handle, async () => {
      const deadline = guard.deadline();
      // What another request stored meanwhile. Not taken over: until this one is stored, its data belong to the older state.
      let newest: Stored | undefined;
      for (;;) {
        requireUsable(handle);
        // Again: the head may have gone out while this waited for its turn.
        cookieCanFollow(engine, handle, true);
        const opened = handle.phase === 'alive' ? handle.stored : undefined;
        const before = opened && (newest ?? opened);
        const session = engine.sessionOf(handle);
        const held = before && holderOf(before.header);
        const holders = [held, opened && holderOf(opened.header)];
        // What one person's session held is nothing for the next one, whatever `keep` names.
        const another = holders.some((holder) => holder !== undefined && holder !== name);
        const kept = handle.phase === 'superseded' || another ? [] : keep;
        // The second step of a sign-in began with its first: a revocation in between bars it too.
        if (held === name) startedAt = Math.min(startedAt, before?.header.pending?.startedAt ?? startedAt);
        const everything = engine.epoch.on ? await engine.epoch.now() : undefined;
        if (everything && startedAt <= everything.at) throw signInRefused(engine, handle, 'barred');
        const counted = step === undefined && config.maxPerOwner && engine.keyring.all.length > 1;
        const beside = counted ? await (await admin()).besides(engine, name, before?.id) : 0;
        if (beside === config.maxPerOwner?.limit) throw signInRefused(engine, handle, 'limit');
        const ownerFields: OwnerFields =
          step === undefined ? { ...changes.ownerFields(name, startedAt), beside, evicts: outlived } : {};
        const data = pick(session, kept);
        const seen: Data = { ...session };
        const secret = newSecret();
        const header = {
          ...newHeader(
            config,
            handle.facts,
            secret,
            {
              ...wanted,
              ...(step === undefined ? { owner: name } : { pending: { owner: name, step, startedAt } }),
            },
            startedAt,
          ),
          ...(step === undefined ? { authenticatedAt: config.clock.now() } : {}),
          absoluteDeadline: config.clock.now() + absoluteMs,
        };
        const id = newId(ownerFields.ownerHash);
        const encoded = changes.encode(data);
        await letGo(engine, handle);
        const put = before
          ? await repository.replace(before, id, header, encoded, ownerFields, deadline)
          : await repository.create(id, header, encoded, ownerFields, deadline);
        if (put.result === 'stored') {
          handle.endedReason = undefined;
          const cause = step === undefined ? 'sign-in' : 'sign-in-pending';
          if (before) changes.replaced(handle, before, put.stored, secret, cause);
          else this.#begun(handle, put.stored, secret);
          // What the handler set while this was under way belongs to the new session.
          fill(session, { ...data, ...setSince(seen, session) });
          return;
        }
        if (put.result === 'conflict' && kept.length === 0) newest = readable(put.found);
        else if (put.result === 'conflict') changes.rebase(handle, before as Stored, put.found);
        else if (put.result === 'limit' && !outlived) outlived = await (await admin()).endOutlived(engine, name);
        else if (put.result === 'gone') await changes.whyGone(handle);
        else throw signInRefused(engine, handle, put.result);
        if (guard.isPast(deadline)) throw busy();
      }
    });
  }

  /** Replaces the session by an empty one. `emptied` runs at once then, before any other verb of the request goes on. */
  async regenerate(handle: SessionHandle, emptied: () => void): Promise<void> {
    const engine = this.#engine;
    const { config, guard, repository, changes } = engine;
    requireUsable(handle);
    if (handle.phase === 'alive') cookieCanFollow(engine, handle, true);
    // In turn also where nothing is stored yet: what is just being stored would take the place of the new session.
    await changes.queued(handle, async () => {
      await letGo(engine, handle);
      const deadline = guard.deadline();
      // What another request stored meanwhile is dropped with the rest: an empty session is what was asked for.
      let newest: Stored | undefined;
      for (;;) {
        requireUsable(handle);
        if (handle.phase !== 'alive') break;
        cookieCanFollow(engine, handle, true);
        const before = newest ?? storedOf(handle);
        const secret = newSecret();
        const put = await repository.replace(
          before,
          newId(),
          newHeader(config, handle.facts, secret, {}, handle.openedAt),
          changes.encode({}),
          {},
          deadline,
        );
        if (put.result === 'stored') {
          changes.replaced(handle, before, put.stored, secret, 'regenerate');
          return emptied();
        }
        if (put.result === 'gone') break;
        if (put.result !== 'conflict') throw signInRefused(engine, handle, put.result);
        newest = readable(put.found);
        if (guard.isPast(deadline)) throw busy();
      }
      this.#startAfresh(handle);
      emptied();
    });
  }

  /** The header that a sign-in asks for. Limits of its own are within the configured ones (G8); a pending one is short. */
  #wanted(
    options: SignInOptions,
    pending: boolean,
    { facts }: SessionHandle,
  ): { readonly wanted: Partial<RecordHeader>; readonly absoluteMs: number } {
    const { config } = this.#engine;
    const longestMs = pending ? Math.min(longestPendingMs, config.absoluteMs) : config.absoluteMs;
    const absoluteMs = withinMs(options.absolute, 'signIn absolute', longestMs);
    if (pending && options.aal !== undefined) {
      throw argumentError(
        'signIn: a pending sign-in has reached no aal yet. Give aal to the signIn that completes it.',
      );
    }
    return {
      absoluteMs,
      wanted: {
        aal: pending ? 0 : options.aal === undefined ? 1 : aalOf(options.aal, 'signIn aal'),
        amr: options.amr === undefined ? [] : names(options.amr, 'signIn amr'),
        persistent: flag(options.persistent ?? (facts.lifetime ?? config).persistent, 'signIn persistent'),
        idleMs: Math.min(withinMs(options.idle, 'signIn idle', config.idleMs), absoluteMs),
        ownIdle: options.idle !== undefined,
        ownAbsolute: pending || options.absolute !== undefined,
      },
    };
  }

  #begun(handle: SessionHandle, stored: Stored, secret: Uint8Array): void {
    this.#engine.changes.settled(handle, stored, secret);
    this.#engine.events.emit({ type: 'created', id: stored.id }, handle);
  }

  /** As if the request had come without a cookie. */
  #startAfresh(handle: SessionHandle): void {
    handle.phase = 'none';
    handle.stored = undefined;
    handle.minted = undefined;
    handle.offer = undefined;
    handle.lifetime = undefined;
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

/** Whose session it is or is about to be. */
const holderOf = ({ owner, pending }: RecordHeader): string | undefined => owner ?? pending?.owner;

function withinMs(value: SignInOptions['idle'], option: string, mostMs: number): number {
  if (value === undefined) return mostMs;
  const ms = durationMs(value, option, { minMs: 1_000 });
  if (ms <= mostMs) return ms;
  throw argumentError(
    `${option}: expected at most ${formatDuration(mostMs)}, since one session's limits can only be shorter than the configured ones, got '${value}'. For longer ones lengthen the option of session() and shorten the others' at sign-in.`,
  );
}

const admin = () => import('./admin.js');
