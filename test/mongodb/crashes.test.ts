/**
 * A process dies between two commands of a change, or loses the reply of one, and nobody sends the call again: what is
 * left is nothing that was refused, nothing that comes back, and never one session more than the limit. That the call
 * sent again is answered as the first is the kit's to show.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isEnded, type Owning, type ReplaceResult } from '../../src/core/store.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { mongodb } from '../support/mongodb-server.js';
import { type Opened, opener } from './kit.js';

describe.runIf(mongodb)('a change that breaks off', () => {
  const open = opener();
  let opened: Opened;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.drop());

  /** Two sessions of an owner, at a limit of two, and an anonymous one that is about to sign in. */
  async function stage() {
    const { second } = opened;
    const owner = makeOwner();
    const [oldId, id, before, record] = [makeId(), makeId(owner), makeRecord(), makeRecord({ owner })];
    const others = [makeId(owner), makeId(owner)];
    await second.create(oldId, before);
    for (const other of others) await second.create(other, makeRecord({ owner }), makeOwning());
    return { owner, oldId, id, before, record, others };
  }
  type Stage = Awaited<ReturnType<typeof stage>>;

  const evicting = (): Owning => makeOwning({ limit: 2, onExceed: 'evict-oldest' });
  const signIn = async ({ oldId, before, id, record }: Stage): Promise<ReplaceResult> =>
    await opened.store.replace(oldId, before.version, id, record, makeEnding('replaced'), evicting());

  /** Breaks off before or after the command with this number, from 0; false if there are not so many. */
  async function breakOff(
    when: 'beforeCommand' | 'afterCommand',
    at: number,
    run: () => Promise<unknown>,
  ): Promise<boolean> {
    let seen = 0;
    opened[when](() => {
      if (seen++ === at) throw new Error('broken off');
    });
    const outcome = await run().then(
      () => undefined,
      (error: Error) => error.message,
    );
    opened[when](undefined);
    expect(outcome).toBe(seen > at ? 'broken off' : undefined);
    return seen > at;
  }

  const isLive = async (id: Stage['id']): Promise<boolean> => {
    const found = await opened.second.read(id);
    return found !== undefined && !isEnded(found);
  };

  it.each(['beforeCommand', 'afterCommand'] as const)('a sign-in at a limit that evicts: %s', async (when) => {
    for (let at = 0; ; at++) {
      const scene = await stage();
      const { owner, oldId, id, others } = scene;
      if (!(await breakOff(when, at, () => signIn(scene)))) break;
      const live = await Promise.all([oldId, id, ...others].map(isLive));
      // The old session, or its successor, or, where the next one has to bring it, neither yet: never both.
      expect(live[0] && live[1]).toBe(false);
      expect((await opened.second.listByOwner(owner)).length).toBeLessThanOrEqual(2);
      // The owner's next sign-in finishes what is begun, and sees a limit that holds.
      const next = makeId(owner);
      expect(await opened.second.create(next, makeRecord({ owner }), evicting())).toBe('created');
      const ids = (await opened.second.listByOwner(owner)).map((entry) => entry.id);
      expect(ids).toHaveLength(2);
      expect(ids).toContain(next);
      expect((await isLive(oldId)) !== ids.includes(id)).toBe(true);
      // Nothing that is begun and not decided is ever finished later.
      expect(await opened.second.create(makeId(owner), makeRecord({ owner }), makeOwning())).toBe('created');
      expect((await opened.second.listByOwner(owner)).map((entry) => entry.id).includes(id)).toBe(ids.includes(id));
    }
  });

  it.each(['beforeCommand', 'afterCommand'] as const)('a sign-in without a limit of its own: %s', async (when) => {
    for (let at = 0; ; at++) {
      const { owner, id, record } = await stage();
      if (!(await breakOff(when, at, () => opened.store.create(id, record, makeOwning()) as Promise<unknown>))) break;
      await opened.second.endByOwner(owner, makeEnding('revoked', Date.now() + 1));
      // Ended with the rest, or never there: whoever was about to finish it is too late.
      expect(await isLive(id)).toBe(false);
      expect(await opened.second.listByOwner(owner)).toEqual([]);
    }
  });

  it.each(['beforeCommand', 'afterCommand'] as const)(
    'a revocation is finished by the next sign-in: %s',
    async (when) => {
      const answers = new Set<string>();
      for (let at = 0; ; at++) {
        const { owner, others } = await stage();
        const moment = Date.now();
        const revoke = async () => opened.store.endByOwner(owner, makeEnding('revoked', moment));
        if (!(await breakOff(when, at, revoke))) break;
        // What is barred from then on tells whether it was decided: then all of them have ended, and else none.
        const tried = makeId(owner);
        const owning = makeOwning({ now: moment, startedAt: moment });
        const answer = await opened.second.create(tried, makeRecord({ owner }), owning);
        const left = (await opened.second.listByOwner(owner)).map((entry) => entry.id);
        expect([answer, left]).toEqual(answer === 'barred' ? ['barred', []] : ['created', [...others, tried]]);
        answers.add(answer);
      }
      expect([...answers].sort()).toEqual(['barred', 'created']);
    },
  );

  it('a sign-in that was let in while it was away is finished once, whoever comes first', async () => {
    const scene = await stage();
    const { owner, id, record } = scene;
    let answers: unknown[] = [];
    let seen = 0;
    // Before the last command: decided, and not live yet.
    const commands = 6;
    opened.beforeCommand(async () => {
      if (++seen !== commands) return;
      answers = await Promise.all(
        Array.from({ length: 3 }, () => opened.second.create(makeId(owner), makeRecord({ owner }), makeOwning())),
      );
      await opened.second.end(id, makeEnding('signed-out'));
    });
    expect(await opened.store.create(id, record, makeOwning({ limit: 9 }))).toBe('created');
    opened.beforeCommand(undefined);
    expect(seen).toBeGreaterThanOrEqual(commands);
    expect(answers).toEqual(['created', 'created', 'created']);
    // It was ended meanwhile, and is not made live again by the one that comes late.
    expect(await opened.second.read(id)).toMatchObject({ ended: 'signed-out' });
    expect(await opened.second.listByOwner(owner)).toHaveLength(5);
  });
});
