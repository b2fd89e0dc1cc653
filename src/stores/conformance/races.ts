/** Every two changes of one session, begun together on two handles: the outcome is that of one order or the other. */
import type { OwnerHash, SessionId } from '../../core/ids.js';
import { isOwnerIndexed, type StoredRecord } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord } from './fixtures.js';
import { type Bench, type Law, law, needsAtomicReplace, needsCommands } from './law.js';
import { Model } from './model.js';
import { type Call, observe, perform, type Watched } from './observe.js';
import { explain, together } from './serial.js';

interface Scene {
  readonly id: SessionId;
  readonly fresh: SessionId;
  readonly record: StoredRecord;
  readonly owner: OwnerHash | undefined;
}

const record = ({ owner }: Scene): StoredRecord => makeRecord(owner === undefined ? {} : { owner });

const limited = ({ owner }: Scene) =>
  owner === undefined ? undefined : makeOwning({ limit: 1, onExceed: 'evict-oldest' });

const changes: Record<string, (scene: Scene) => Call | undefined> = {
  'create of the same id': (scene) => ({ method: 'create', args: [scene.id, record(scene)] }),
  'create at the limit': (scene) => ({ method: 'create', args: [scene.fresh, record(scene), limited(scene)] }),
  update: (scene) => ({ method: 'update', args: [scene.id, record(scene), scene.record.version] }),
  touch: (scene) => ({ method: 'touch', args: [scene.id, scene.record.idleDeadline + hourMs] }),
  end: (scene) => ({ method: 'end', args: [scene.id, makeEnding('signed-out')] }),
  replace: (scene) => ({
    method: 'replace',
    args: [scene.id, scene.record.version, scene.fresh, record(scene), makeEnding('replaced')],
  }),
  endByOwner: ({ owner }) =>
    owner === undefined ? undefined : { method: 'endByOwner', args: [owner, makeEnding('revoked')] },
};

interface Stage {
  readonly scene: Scene;
  readonly other: Scene;
  readonly model: Model;
  readonly watched: Watched;
}

/** One live session, on the store and on the model, and two ids that are free. */
async function stage({ store }: Bench): Promise<Stage> {
  const owner = isOwnerIndexed(store) ? makeOwner() : undefined;
  const first = makeRecord(owner === undefined ? {} : { owner });
  const scene: Scene = { id: makeId(owner), fresh: makeId(owner), record: first, owner };
  const other: Scene = { ...scene, fresh: makeId(owner) };
  const model = new Model();
  const call: Call = { method: 'create', args: [scene.id, first] };
  model.allows(call, await perform(store, call));
  const ids = [scene.id, scene.fresh, other.fresh];
  return { scene, other, model, watched: owner === undefined ? { ids } : { ids, owners: [owner] } };
}

function against(name: string, make: (scene: Scene) => Call | undefined): Law {
  return law(
    `${name} against every other change`,
    async (bench) => {
      for (const makeOther of Object.values(changes)) {
        const { scene, other, model, watched } = await stage(bench);
        const calls = [make(scene), makeOther(other)].flatMap((call) => call ?? []);
        await together([bench.store, bench.second], calls, model, watched);
      }
    },
    needsAtomicReplace,
  );
}

/** Runs `make` with `before` called at its command number `at`; true if it has that many commands. */
async function atCommand({ subject }: Bench, at: number, run: () => Promise<void>, before: () => Promise<void>) {
  let seen = 0;
  subject.beforeCommand?.(async () => {
    if (seen++ === at) await before();
  });
  try {
    await run();
  } finally {
    subject.beforeCommand?.(undefined);
  }
  return seen > at;
}

function interleaved(name: string, make: (scene: Scene) => Call | undefined): Law {
  return law(
    `${name} with any other change before each of its commands`,
    async (bench) => {
      for (const makeOther of Object.values(changes)) {
        for (let at = 0, more = true; more; at++) {
          const { scene, other, model, watched } = await stage(bench);
          const [call, meanwhile] = [make(scene), makeOther(other)];
          if (!call || !meanwhile) break;
          const answers: unknown[] = [];
          const run = async () => {
            answers[0] = await perform(bench.store, call);
          };
          more = await atCommand(bench, at, run, async () => {
            answers[1] = await perform(bench.second, meanwhile);
          });
          const calls = more ? [call, meanwhile] : [call];
          explain(calls, answers, model, watched, await observe(bench.second, watched));
        }
      }
    },
    needsCommands,
    needsAtomicReplace,
  );
}

function crashed(name: string, make: (scene: Scene) => Call | undefined): Law {
  return law(
    `${name} that crashes before any of its commands, and is sent again`,
    async (bench) => {
      for (let at = 0, more = true; more; at++) {
        const { scene, model, watched } = await stage(bench);
        const call = make(scene);
        if (!call) break;
        const crash = async () => {
          throw new Error('crashed here');
        };
        const run = async () => {
          try {
            await perform(bench.store, call);
          } catch {
            // The crash, as planned.
          }
        };
        more = await atCommand(bench, at, run, crash);
        const again = await perform(bench.second, call);
        // What the crashed call had ended already, the second one does not answer.
        const answer = call.method === 'endByOwner' ? [scene.id] : again;
        explain([call], [answer], model, watched, await observe(bench.second, watched));
      }
    },
    needsCommands,
  );
}

const each = (make: typeof against): Law[] => Object.entries(changes).map(([name, change]) => make(name, change));

export const races: Law[] = [...each(against), ...each(interleaved), ...each(crashed)];
