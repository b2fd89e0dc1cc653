/**
 * What `session()` knows of a store of express-session: how to tell one, and what it can't keep. The bridge itself is
 * loaded with its first call, so that an app without one does not carry it.
 */
import { lazily } from '../../core/lazily.js';
import type { ExpressSessionStore, Loss, SessionStore } from '../../core/store.js';

const lossy: readonly Loss[] = Object.freeze([
  {
    guarantee: 'G1',
    why: 'The store can only get and set: of two processes that change a session in the same moment, one loses its change. Through one store object none is lost.',
  },
  {
    guarantee: 'G2',
    why: 'A session that ends in one process while another is between its read and its write of it comes back. Through one store object it does not.',
  },
  {
    guarantee: 'G6',
    why: "The store does not find a person's sessions: list, count, revokeAll, credentialChanged and maxPerOwner are refused. revoke(id) works.",
  },
]);

/**
 * Not HoldfastStore: what is beneath it is what `session()` wants. Nor a client of Redis, which can get, set and destroy as
 * well: `createSession` is what every store has from express-session's own class.
 */
export function isExpressSessionStore(value: unknown): value is ExpressSessionStore {
  const has = (method: string) => typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function';
  return ['get', 'set', 'destroy', 'createSession'].every(has) && !has('publicId');
}

export function bridged(store: ExpressSessionStore): SessionStore {
  const load = lazily(async (): Promise<SessionStore> => new (await import('./bridge.js')).Bridge(store));
  const later =
    <Method extends 'create' | 'read' | 'update' | 'touch' | 'end' | 'replace'>(method: Method): SessionStore[Method] =>
    async (...args: readonly unknown[]): Promise<never> => {
      const bridge = await load();
      return Reflect.apply(bridge[method], bridge, args) as never;
    };
  return {
    name: store.constructor.name,
    // Nobody can tell, and a made-up secret in one process would shut out the others.
    networked: true,
    replacesAtOnce: false,
    lossy,
    create: later('create'),
    read: later('read'),
    update: later('update'),
    touch: later('touch'),
    end: later('end'),
    replace: later('replace'),
  };
}
