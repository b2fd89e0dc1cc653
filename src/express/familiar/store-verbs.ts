/** What the methods of `req.sessionStore` do. */
import type { IncomingMessage } from 'node:http';
import { revokeEverything } from '../../core/admin.js';
import { argumentError, SessionError } from '../../core/errors.js';
import { SessionHandle, type Stored } from '../../core/handle.js';
import type { SessionId } from '../../core/ids.js';
import type { Data } from '../../core/session.js';
import { SessionCookie } from '../../core/session-cookie.js';
import { isScannable } from '../../core/store.js';
import { decodeStored } from '../../core/stored-data.js';
import { notVisited, type Visit, visitOf } from '../visit.js';

// biome-ignore lint/suspicious/noExplicitAny: what an app passes is checked by each
type Verb = (visit: Visit, first?: any, second?: any) => Promise<unknown>;

export const storeVerbs: Record<string, Verb> = {
  get,

  load: get,

  async set(visit, id: string, session: unknown) {
    if (!isOwn(visit, id) || session !== visit.session)
      throw refused(
        'set',
        "another request's session would lose what that one writes. Let each request change its own",
      );
    await visit.session.save();
  },

  async destroy(visit, id: string) {
    if (isOwn(visit, id)) await visit.session.destroy();
    else if (isId(id) && !(await visit.engine.epoch.loaded()).has(id)) await visit.engine.endSession(id, 'destroyed');
  },

  async touch(visit, id: string) {
    if (isOwn(visit, id)) return void visit.session.touch();
    const stored = await live(visit, id);
    if (stored) await visit.engine.repository.touch(stored);
  },

  all: (visit) => all(visit, 'all'),

  length: async (visit) => Object.keys(await all(visit, 'length')).length,

  clear: (visit) => revokeEverything(visit.engine, 'revoked'),

  async regenerate(_, req: IncomingMessage) {
    const visit = visitOf(req);
    if (!visit) throw notVisited('req.sessionStore.regenerate');
    await visit.session.regenerate();
  },

  async createSession() {
    throw refused('createSession', 'a session that has ended could begin anew with it. Use req.session');
  },

  async generate() {
    throw refused('generate', 'the old session would live on. Use req.session.regenerate()');
  },
};

async function get(visit: Visit, id: unknown): Promise<Data | undefined> {
  const stored = await live(visit, id);
  return stored && shown(visit, stored);
}

async function all(visit: Visit, verb: string): Promise<Record<string, Data>> {
  const { engine } = visit;
  const { store } = engine;
  if (!isScannable(store)) {
    throw new SessionError(
      'ERR_SESSION_STORE_CAPABILITY',
      `req.sessionStore.${verb}: the ${store.name} store can't be walked (it lacks scan). Use a store that can.`,
    );
  }
  const sessions = Object.create(null) as Record<string, Data>;
  let cursor: string | undefined;
  do {
    const page = await engine.guard.call('scan', () => store.scan(cursor));
    for (const { id, record } of page.entries) {
      const found = engine.repository.open(id, record);
      if (found.kind === 'found' && (await isLive(visit, found.stored))) sessions[id] = shown(visit, found.stored);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return sessions;
}

function isOwn({ handle: { stored, minted } }: Visit, id: unknown): boolean {
  return id !== undefined && id === (stored?.id ?? minted?.id);
}

async function live(visit: Visit, id: unknown): Promise<Stored | undefined> {
  if (!isId(id)) return undefined;
  const found = await visit.engine.repository.find(id);
  return found.kind === 'found' && (await isLive(visit, found.stored)) ? found.stored : undefined;
}

async function isLive({ engine: { epoch, repository } }: Visit, stored: Stored): Promise<boolean> {
  if (repository.isOver(stored)) return false;
  const everything = epoch.on ? await epoch.now() : undefined;
  return !everything || stored.header.createdAt > everything.at;
}

function shown({ engine: { config }, handle: { facts } }: Visit, stored: Stored): Data {
  const handle = new SessionHandle(facts, config.clock.now());
  handle.stored = stored;
  return { ...decodeStored(stored), cookie: new SessionCookie(config, handle).toJSON() };
}

const isId = (id: unknown): id is SessionId => typeof id === 'string' && /^[A-Za-z0-9_-]{27}$/.test(id);

const refused = (verb: string, why: string): SessionError =>
  argumentError(`req.sessionStore.${verb}: not possible, because ${why}.`);
