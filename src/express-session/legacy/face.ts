/** The option `migrateFrom`: checked at the start, while what it does is loaded with the first old cookie. */
import type { Duration } from '../../core/duration.js';
import { durationMs } from '../../core/duration.js';
import type { Engine } from '../../core/engine.js';
import { wrongOption } from '../../core/errors.js';
import type { SessionHandle } from '../../core/handle.js';
import { lazily } from '../../core/lazily.js';
import { callable, takeOptions } from '../../core/options.js';
import type { Predecessor } from '../../core/predecessor.js';
import type { ExpressSessionStore, MaybePromise } from '../../core/store.js';

export interface MigrateFromOptions {
  /** The name of express-session's cookie. Default `'connect.sid'`. */
  readonly name?: string | undefined;
  /** express-session's own secret, or all of its list: what the old cookies are signed with. */
  readonly secret: string | readonly string[];
  /** express-session's store, as the old instances have it; or HoldfastStore. */
  readonly store: Pick<ExpressSessionStore, 'get' | 'destroy'>;
  /** Whose session it is, read from its data, such as `(data) => data.userId`: it then counts as signed in, and is found by its owner. Default: nobody's by name. */
  readonly owner?: ((data: Readonly<Record<string, unknown>>) => unknown) | undefined;
  /**
   * For so long, and the `maxAge` of the old cookie, it is remembered that an old session was taken over, so that it is
   * not a second time: longer than old instances will run. Default `'30d'`.
   */
  readonly keepFor?: Duration | undefined;
  /** The old cookie's `Path` and `Domain`, if it has others than `/` and none: to take it from the browser. */
  readonly path?: string | undefined;
  readonly domain?: string | undefined;
}

export interface MigrateFrom extends Omit<MigrateFromOptions, 'secret' | 'keepFor'> {
  readonly name: string;
  readonly path: string;
  readonly secrets: readonly string[];
  readonly keepForMs: number;
}

const names = ['name', 'secret', 'store', 'owner', 'keepFor', 'path', 'domain'];

export function migrateFromOf(given: unknown): MigrateFrom {
  const {
    name = 'connect.sid',
    secret,
    path = '/',
    keepFor = '30d',
    ...rest
  } = takeOptions<MigrateFromOptions>(given, names, 'migrateFrom');
  const secrets = [secret].flat();
  if (secrets.length === 0 || !secrets.every((it) => typeof it === 'string' && it !== ''))
    throw wrongOption('migrateFrom.secret', "express-session's own secret, or all of its list", secret);
  const { get, destroy } = Object(rest.store) as Partial<MigrateFromOptions['store']>;
  if (typeof get !== 'function' || typeof destroy !== 'function')
    throw wrongOption('migrateFrom.store', 'the store of express-session that the old instances have', rest.store);
  if (rest.owner !== undefined) callable(rest.owner, 'migrateFrom.owner');
  for (const [option, value] of Object.entries({ name, path, domain: rest.domain ?? '.' })) {
    if (typeof value !== 'string' || !/^[^;=\s]+$/.test(value))
      throw wrongOption(
        `migrateFrom.${option}`,
        "that of express-session's cookie, without ';', '=' and blanks",
        value,
      );
  }
  return { ...rest, name, path, secrets, keepForMs: durationMs(keepFor, 'migrateFrom.keepFor') };
}

export interface Moving {
  readonly load: () => Promise<Predecessor>;
  /** Where the request has no session that somebody is signed in with, its old cookie may name one. Never rejects. */
  admit(opened: MaybePromise<SessionHandle>, cookie: string | undefined): MaybePromise<SessionHandle>;
}

export function movingFrom(from: MigrateFrom, engine: Engine): Moving {
  // Their owner's revocation must hold against those that come later than any marker of an end is kept.
  engine.repository.ownersBarredForMs = from.keepForMs;
  const load = lazily(async () => new (await import('./legacy.js')).Legacy(from, engine));
  return {
    load,
    admit: (opened, cookie) =>
      cookie?.includes(`${from.name}=`) ? load().then(async (legacy) => legacy.admit(await opened, cookie)) : opened,
  };
}
