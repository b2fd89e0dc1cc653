/** What can be done to sessions from outside a request of theirs. */
import { ownerName } from './arguments.js';
import type { Engine } from './engine.js';
import type { EpochFace } from './epoch-face.js';
import { argumentError, optionError, SessionError, wrongArgument } from './errors.js';
import type { Stored } from './handle.js';
import type { OwnerHash, SessionId } from './ids.js';
import { isStray } from './maybe-promise.js';
import type { EngineConfig } from './options.js';
import { deadlinesOf, lifeOf } from './policy.js';
import type { Late } from './predecessor.js';
import type { Aal } from './record.js';
import { toldEndings } from './refusals.js';
import type { Signals } from './signals.js';
import { isOwnerIndexed, type OwnerIndexed } from './store.js';
import { hashOwner } from './token.js';

/** A session as its owner may see it: nothing in it opens anything. */
export interface SessionSummary {
  readonly id: SessionId;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly endsAt: Date;
  readonly aal: Aal;
  readonly amr: readonly string[];
  /** When the person last proved who they are. */
  readonly authenticatedAt: Date | undefined;
  /** As the browser sent it at sign-in, cut to 256 characters. */
  readonly userAgent: string | undefined;
  /** What the option `deviceLabel` makes of the user agent; undefined without it. */
  readonly device: string | undefined;
  /** The network of the sign-in: IPv4 /24 or IPv6 /48, never the whole address; undefined with `recordAddress: false`. */
  readonly address: string | undefined;
  /** It is the session whose id was given as `current`. */
  readonly current: boolean;
}

/** What is managed: the engine, or another keeper of sessions over the same rooms. */
export interface Managed
  extends Pick<Engine, 'store' | 'keyring' | 'config' | 'guard' | 'repository' | 'events' | 'endSession'> {
  readonly signals: Pick<Signals, 'ended'>;
  readonly epoch?: EpochFace;
  readonly predecessor?: Engine['predecessor'];
  readonly cache?: { forget(id: SessionId): void };
}

/** Every hash under which the store may know this owner: one for each key of the ring. */
function hashesOf(engine: Managed, owner: string) {
  const { all } = engine.keyring;
  return all.map((keys) => hashOwner(keys, engine.config.audience, owner)) as [OwnerHash, ...OwnerHash[]];
}

function indexed(engine: Managed, operation: string): OwnerIndexed {
  if (isOwnerIndexed(engine.store)) return engine.store;
  throw new SessionError(
    'ERR_SESSION_STORE_CAPABILITY',
    `${operation}: the ${engine.store.name} store can't find sessions by owner (it lacks listByOwner and endByOwner). Use a store that can.`,
  );
}

/** The owner's live sessions, oldest first. */
export async function listSessions(
  engine: Managed,
  owner: string | number | bigint,
  currentId?: string,
): Promise<SessionSummary[]> {
  const current = currentId === undefined ? undefined : idOf(currentId, 'list current');
  const live = await liveSessions(engine, owner, 'list');
  const summaries = live.map(({ id, header, idleDeadline }) => {
    const deadlines = deadlinesOf(header, idleDeadline, engine.config);
    return {
      id,
      createdAt: new Date(header.createdAt),
      authenticatedAt: header.authenticatedAt === undefined ? undefined : new Date(header.authenticatedAt),
      lastSeenAt: new Date(deadlines.lastSeenAt),
      expiresAt: new Date(deadlines.expiresAt),
      endsAt: new Date(deadlines.endsAt),
      aal: header.aal,
      amr: header.amr,
      userAgent: header.userAgent,
      device: labelOf(engine, header.userAgent),
      address: header.address,
      current: id === current,
    };
  });
  return summaries.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
}

/** How many live sessions the owner has. */
export async function countSessions(engine: Managed, owner: string | number | bigint): Promise<number> {
  return (await liveSessions(engine, owner, 'count')).length;
}

/** A label is for show: an app's function that throws on one odd user agent must not hide the whole list. */
function labelOf(engine: Managed, userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || !engine.config.deviceLabel) return undefined;
  try {
    const label: unknown = engine.config.deviceLabel(userAgent);
    return typeof label === 'string' ? label : void isStray(label);
  } catch {
    return undefined;
  }
}

async function liveSessions(
  engine: Managed,
  owner: string | number | bigint,
  operation: string,
  hashes: readonly OwnerHash[] = hashesOf(engine, ownerName(owner, `${operation} owner`)),
): Promise<Stored[]> {
  const store = indexed(engine, operation);
  const now = engine.config.clock.now();
  const everything = engine.epoch?.on ? await engine.epoch.now() : undefined;
  const live: Stored[] = [];
  for (const hash of hashes) {
    for (const { id, record } of await engine.guard.call('read', () => store.listByOwner(hash))) {
      const found = engine.repository.open(id, record);
      if (found.kind !== 'found') continue;
      const { header, idleDeadline } = found.stored;
      const deadlines = deadlinesOf(header, idleDeadline, engine.config);
      // Only the sealed owner counts: the outer one could have been set by whoever can write to the store.
      if (lifeOf(deadlines, now) !== 'alive' || header.owner !== String(owner)) continue;
      if (everything && header.createdAt <= everything.at) continue;
      live.push(found.stored);
    }
  }
  return live;
}

/** Ends one session by its public id. True if it is over, by this call or before; false if there was none, or if it goes on under a new id. */
export async function revokeSession(engine: Managed, id: string, reason: string): Promise<boolean> {
  const [known, word] = [idOf(id, 'revoke'), reasonOf(reason, 'revoke')];
  // Not a session: to end it would bring back what it says is over.
  if ((await engine.epoch?.loaded())?.has(known)) return false;
  // An audit log is told whose session ended, and of one end once.
  const found = await engine.repository.find(known);
  if (found.kind === 'ended') return found.ended.ended !== 'replaced';
  const owner = found.kind === 'found' ? found.stored.header.owner : undefined;
  const ended = await engine.endSession(known, word, { owner });
  // Replaced by a sign-in before: it goes on under another id, so saying that it was revoked would be a lie.
  return ended !== undefined && ended !== 'replaced';
}

/**
 * Ends every session of an owner but `except`, and bars each sign-in of theirs that had begun before.
 * @returns how many ended.
 */
export async function revokeOwner(
  engine: Managed,
  owner: string | number | bigint,
  reason: string,
  exceptId?: string,
  operation = 'revokeAll',
): Promise<number> {
  const store = indexed(engine, operation);
  const except = exceptId === undefined ? undefined : idOf(exceptId, `${operation} except`);
  const ending = engine.repository.ownerEnding(reasonOf(reason, operation));
  const late: (Late | undefined)[] = [];
  let count = 0;
  const [newest, ...older] = hashesOf(engine, ownerName(owner, `${operation} owner`));
  // The newest once more: a rise in between may have moved there what an older key knew.
  for (const hash of older.length > 0 ? [newest, ...older, newest] : [newest]) {
    late.push(await (await engine.predecessor?.())?.releaseOwner(hash, except));
    const ids = await engine.guard.call('endByOwner', () =>
      store.endByOwner(hash, ending, except === undefined ? {} : { except }),
    );
    for (const id of ids) {
      engine.events.emit({ type: 'ended', id, reason }, { owner: String(owner) });
      engine.cache?.forget(id);
      engine.signals.ended(id, reason);
    }
    count += ids.length;
  }
  for (const run of late) await run?.();
  return count;
}

/**
 * How many sessions of the owner are alive under older keys of the ring, but `except`: the store knows them under another
 * hash, and does not count them. Where the oldest go to make room, so many of these have gone that one more fits.
 */
export async function besides(engine: Managed, owner: string, except: SessionId | undefined): Promise<number> {
  const { limit, onExceed } = engine.config.maxPerOwner as NonNullable<EngineConfig['maxPerOwner']>;
  const [newest, ...others] = hashesOf(engine, owner);
  const under = async (hashes: OwnerHash[]) =>
    (await liveSessions(engine, owner, 'signIn', hashes)).filter(({ id }) => id !== except);
  const older = (await under(others)).sort((a, b) => a.header.createdAt - b.header.createdAt);
  if (older.length === 0 || onExceed === 'reject') return Math.min(older.length, limit);
  const gone = older.slice(0, Math.max(0, older.length + (await under([newest])).length + 1 - limit));
  for (const { id } of gone) await engine.endSession(id, 'evicted', { owner });
  return older.length - gone.length;
}

/**
 * The store counts against the owner's limit what only the sealed record shows to be over: by a shorter limit of the session
 * or of the configuration, or because everything was revoked. It is ended, so that nobody is kept out, or sent out, for it.
 */
export async function endOutlived(engine: Managed, owner: string): Promise<true> {
  const store = indexed(engine, 'signIn');
  const everything = engine.epoch?.on ? await engine.epoch.now() : undefined;
  for (const hash of hashesOf(engine, owner)) {
    for (const { id, record } of await engine.guard.call('read', () => store.listByOwner(hash))) {
      const found = engine.repository.open(id, record);
      if (found.kind !== 'found') continue;
      if (everything && found.stored.header.createdAt <= everything.at)
        await engine.endSession(id, everything.reason, { owner });
      else if (engine.repository.isOver(found.stored)) await engine.endSession(id, 'expired', { owner });
    }
  }
  return true;
}

/**
 * Ends every session of the app, those of strangers included, and every sign-in that has begun. Resolves once every
 * process knows of it.
 */
export async function revokeEverything(engine: Engine, reason: string): Promise<void> {
  if (!engine.epoch.on) {
    throw optionError(
      'revokeEverything: expected the option revokeEverything: true in every process that shares the sessions, or some would not notice. Without it, start all of them with a new secret only.',
    );
  }
  const word = reasonOf(reason, 'revokeEverything');
  const epoch = await engine.epoch.loaded();
  await epoch.move(word);
  engine.events.emit({ type: 'everything-ended', reason: word });
  await epoch.everywhere();
}

function idOf(id: unknown, operation: string): SessionId {
  if (typeof id === 'string' && /^[A-Za-z0-9_-]{27}$/.test(id)) return id as SessionId;
  throw wrongArgument(operation, 'the public id of a session (27 characters)', id);
}

/** Words to which the engine itself gives a meaning. */
const takenReasons: ReadonlySet<string> = new Set([...toldEndings, 'expired', 'evicted', 'token-reuse']);

function reasonOf(reason: unknown, operation: string): string {
  if (takenReasons.has(reason as string)) {
    throw argumentError(`${operation} reason: '${reason}' is a word of holdfast's own. Choose another.`);
  }
  if (typeof reason === 'string' && /^[a-z][a-z-]{0,31}$/.test(reason)) return reason;
  throw wrongArgument(`${operation} reason`, 'lower-case words joined by dashes, at most 32 characters', reason);
}
