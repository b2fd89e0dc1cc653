/** One process of several that share a folder: does what the parent sends, and answers each message with its number. */

import type { OwnerHash, SessionId } from '../../src/core/ids.js';
import { isEnded } from '../../src/core/store.js';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import type { Request, Tally, Work } from './family.js';

const store = lmdbStore({ path: process.argv[2] ?? '' });
const send = (message: unknown) => process.send?.(message);

/** Adds one to the number that a session holds, by compare and set, until it has succeeded so many times. */
async function count(id: SessionId, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const found = store.read(id);
    if (!found || isEnded(found)) throw new Error('a session is gone that nobody ended');
    const next = Buffer.alloc(4);
    next.writeUInt32LE(Buffer.from(found.bytes).readUInt32LE() + 1);
    const answer = await store.update(id, makeRecord({ bytes: next }), found.version);
    if (answer === 'updated') done++;
  }
}

async function hammer(work: Work): Promise<Tally> {
  const tally: Tally = { created: [], replaced: [], successors: [], ended: 0, revived: 0 };
  const { owner } = work;
  await Promise.all([
    ...work.counters.map((id) => count(id, work.times)),
    ...work.creations.map(async (id) => {
      if ((await store.create(id, makeRecord())) === 'created') tally.created.push(id);
    }),
    ...work.replacements.map(async ({ id, version }) => {
      const next = makeId();
      if ((await store.replace(id, version, next, makeRecord(), makeEnding('replaced'))) !== 'replaced') return;
      tally.replaced.push(id);
      tally.successors.push(next);
    }),
    ...work.endings.map(async ({ id, version }) => {
      const updating = store.update(id, makeRecord(), version);
      if (await store.end(id, makeEnding())) tally.ended++;
      await updating;
      const after = [await store.touch(id, 8e12), await store.update(id, makeRecord(), version)];
      if (after.some((answer) => answer !== 'gone')) tally.revived++;
    }),
    ...Array.from({ length: work.times }, () => signIn(owner)),
  ]);
  return tally;
}

async function signIn(owner: OwnerHash): Promise<void> {
  const now = Date.now();
  const owning = { now, startedAt: now, limit: 3, onExceed: 'evict-oldest', keepUntil: now + 3_600_000 } as const;
  await store.create(makeId(), makeRecord({ owner }), owning);
}

/** Creates, changes and ends without pause, and reports each only when it is acknowledged. */
async function writeForEver(): Promise<never> {
  for (;;) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, lane) => {
        const [id, record] = [makeId(), makeRecord()];
        await store.create(id, record);
        send({ acknowledged: { id, version: record.version, isLast: lane % 4 === 2 } });
        if (lane % 4 === 0) {
          await store.end(id, makeEnding());
          send({ acknowledged: { id, ended: true, isLast: true } });
        } else if (lane % 2) {
          const next = makeRecord();
          await store.update(id, next, record.version);
          send({ acknowledged: { id, version: next.version, isLast: true } });
        }
      }),
    );
  }
}

async function perform(request: Request): Promise<unknown> {
  switch (request.do) {
    case 'end':
      return store.end(request.id, makeEnding());
    case 'sweep':
      return store.sweep(request.now, request.limit);
    case 'hammer':
      return hammer(request.work);
    case 'write for ever':
      return writeForEver();
    case 'close':
      await store.close();
      process.disconnect();
      return undefined;
  }
}

process.on('message', (message: { number: number; request: Request }) => {
  void perform(message.request).then(
    (answer) => process.connected && send({ number: message.number, answer }),
    (error: unknown) => send({ number: message.number, error: String(error) }),
  );
});
send({ ready: true });
