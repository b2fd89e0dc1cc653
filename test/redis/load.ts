/** Requests to an engine over a Redis in trouble: each is answered in time, by a page or by a clear 503. */
import { expect } from 'vitest';
import type { Engine } from '../../src/core/engine.js';
import type { SessionStore } from '../../src/core/store.js';
import { BareRequest, newEngine, tokenOf } from '../support/bare-request.js';
import type { RedisServer } from '../support/redis-server.js';
import { runTime } from '../support/run-time.js';

/** The store deadline, once to open and once to commit, and what a busy machine takes. */
const patienceMs = 6_000;

export interface Visitor {
  readonly token: string;
  readonly owner: string;
  /** Pages that were answered, each of which counted up. */
  acked: number;
  /** Of these requests nobody knows whether they were stored. */
  unknown: number;
}

export class Load {
  readonly engine: Engine;
  /** For what is asked while all is well: there a busy machine is no fault. */
  readonly #patient: Engine;
  readonly visitors: Visitor[] = [];
  failures = 0;

  constructor(store: SessionStore) {
    this.engine = newEngine(store, { storeDeadline: '2s' });
    this.#patient = newEngine(store);
  }

  /** Signs so many people in. */
  async begin(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const owner = `person ${index}`;
      const request = await BareRequest.open(this.#patient, undefined);
      const outcome = await request.answer(async ({ session }) => {
        await session.signIn(owner);
        session.views = 0;
      });
      const token = tokenOf(outcome);
      if (token === undefined) throw new Error(`not signed in: ${outcome.code}`);
      this.visitors.push({ token, owner, acked: 0, unknown: 0 });
    }
  }

  /** One page; true if it was answered. Anything else must be a 503, and come in time. */
  async visit(visitor: Visitor): Promise<boolean> {
    const begun = runTime();
    const request = await BareRequest.open(this.engine, visitor.token);
    const outcome = await request.answer(({ session }) =>
      session.update((data) => {
        data.views = Number(data.views) + 1;
      }),
    );
    expect(runTime() - begun).toBeLessThan(patienceMs);
    if (outcome.acked) {
      visitor.acked++;
      return true;
    }
    expect(outcome.code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    visitor.unknown++;
    this.failures++;
    return false;
  }

  /** Everybody visits, again and again, until each was answered after `change` was done. */
  async through(change: () => Promise<unknown>): Promise<void> {
    let changed = false;
    const changing = change().finally(() => {
      changed = true;
    });
    await Promise.all(
      this.visitors.map(async (visitor) => {
        for (let well = false; !well; ) {
          const after = changed;
          well = (await this.visit(visitor)) && after;
          // Where the engine refuses at once, a loop without a break would leave the machine to nobody else.
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }),
    );
    await changing;
  }

  /** What each was answered is there, and nothing twice. */
  async expectNothingLost(): Promise<void> {
    for (const visitor of this.visitors) {
      const { session } = await BareRequest.open(this.#patient, visitor.token);
      expect(session.info.owner).toBe(visitor.owner);
      expect(session.views).toBeGreaterThanOrEqual(visitor.acked);
      expect(session.views).toBeLessThanOrEqual(visitor.acked + visitor.unknown);
    }
  }
}

/** Resolves when a replica has all that its primary has. */
export async function replicated(primary: RedisServer, replica: RedisServer): Promise<void> {
  const offsetOf = async (server: RedisServer, field: string): Promise<string | undefined> =>
    new RegExp(`${field}:(\\d+)`).exec(String(await server.command('INFO', 'replication')))?.[1];
  while ((await offsetOf(primary, 'master_repl_offset')) !== (await offsetOf(replica, 'slave_repl_offset')));
}
