/** A store and the apps over it, for one test: each app a process of its own, as far as anything in memory goes. */
import type { Express } from 'express';
import type { SessionStore } from '../../src/core/store.js';
import type { SessionOptions, Sessions } from '../../src/index.js';
import { type FaultyStore, faultyStore } from '../../src/stores/conformance/faulty.js';
import { startApp, type TestApp } from './app.js';
import { FakeClock } from './fake-clock.js';
import { everyVerb } from './routes.js';
import type { FullStore, OpenStore, StoreKind } from './stores.js';

export type Routes = (app: Express, sessions: Sessions) => void;

export interface Stage {
  readonly opened: OpenStore;
  /** The time of all apps: no deadline passes unless a test says so, however slow the machine. */
  readonly clock: FakeClock;
  /** Plans faults and hooks for the calls of the apps that `app` starts. */
  readonly faulty: FaultyStore<FullStore>;
  /** An app whose store calls can be planned. */
  app(routes?: Routes, options?: SessionOptions, makeApp?: () => Express): Promise<TestApp>;
  /** Another instance over the same sessions, whose store calls go straight through. */
  another(routes?: Routes, options?: SessionOptions): Promise<TestApp>;
  /** Resolves when no store call of any app is under way: time that passes then is no deadline of theirs. */
  idle(): Promise<void>;
  clear(): Promise<void>;
}

export async function openStage(kind: StoreKind): Promise<Stage> {
  const opened = await kind.open();
  const faulty = faultyStore(opened.store);
  const clock = new FakeClock();
  const apps: TestApp[] = [];
  const others: FaultyStore<FullStore>[] = [];
  const idle = async (): Promise<void> => {
    for (const store of [faulty, ...others]) await store.idle();
  };
  const start = async (routes: Routes, store: SessionStore, options: SessionOptions, makeApp?: () => Express) => {
    const all: Routes = (app, sessions) => {
      everyVerb(app, sessions);
      routes(app, sessions);
    };
    const app = await startApp(all, { store, clock, ...(kind.cached ? { cache: true } : {}), ...options }, makeApp);
    apps.push(app);
    return app;
  };
  return {
    opened,
    faulty,
    clock,
    app: (routes = none, options = {}, makeApp?) => start(routes, faulty.store, options, makeApp),
    another(routes = none, options = {}) {
      const watched = faultyStore(opened.reopen?.() ?? opened.store);
      others.push(watched);
      return start(routes, watched.store, options);
    },
    idle,
    async clear() {
      faulty.heal();
      for (const app of apps) await app.close();
      // A call that a test left to itself would still be writing what is taken away now.
      await idle();
      await opened.remove();
    },
  };
}

const none: Routes = () => undefined;
