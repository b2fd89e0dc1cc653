import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { describe, expect, it } from 'vitest';
import { SessionError } from '../../src/core/errors.js';
import { makeEnding, makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { folder, openStore } from './family.js';

function refusal(run: () => unknown): SessionError {
  try {
    run();
  } catch (error) {
    if (error instanceof SessionError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

async function rejection(answer: unknown): Promise<SessionError> {
  const error = await Promise.resolve(answer).catch((reason: unknown) => reason);
  if (error instanceof SessionError) return error;
  throw new Error('nothing was refused');
}

const withData = (content: Uint8Array): string => {
  const path = folder();
  writeFileSync(join(path, 'data.mdb'), content);
  return path;
};

describe('opening an lmdb store', () => {
  it.each([
    [{}, /lmdbStore: path: expected the path of a folder, got undefined/],
    [{ path: '' }, /path/],
    [{ path: 'x', maxByte: 1 }, /Did you mean 'maxBytes'/],
    [{ path: 'x', maxBytes: 0 }, /lmdbStore: maxBytes/],
    [{ path: 'x', sweepLease: 5 }, /lmdbStore: sweepLease: expected a duration/],
  ])('%j is refused by name', (options, message) => {
    const error = refusal(() => lmdbStore(options as Parameters<typeof lmdbStore>[0]));
    expect(error.code).toBe('ERR_SESSION_OPTION');
    expect(error.message).toMatch(message);
  });

  it('makes the folder, for this user only, also where its name has a dot', async () => {
    const path = join(folder(), 'deep', 'app.sessions');
    const store = openStore(path);
    expect(await store.create(makeId(), makeRecord())).toBe('created');
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('refuses a path that is a file', () => {
    const path = join(folder(), 'file');
    writeFileSync(path, 'x');
    const error = refusal(() => lmdbStore({ path }));
    expect(error.code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    expect(error.message).toMatch(/is not a folder that can be written .*Give a folder/s);
  });

  it.each([
    ['junk', new Uint8Array(9_000).fill(7)],
    ['zeros', new Uint8Array(8_192)],
    ['a few bytes', new Uint8Array(10).fill(1)],
  ])('refuses a data.mdb of %s, which would crash the process', (_, content) => {
    const error = refusal(() => lmdbStore({ path: withData(content) }));
    expect(error.message).toMatch(/not an LMDB database.*Restore it/s);
  });

  it('refuses a database that was cut off in its head', async () => {
    const path = folder();
    await lmdbStore({ path }).close();
    const whole = readFileSync(join(path, 'data.mdb'));
    expect(refusal(() => lmdbStore({ path: withData(whole.subarray(0, 4_096)) })).message).toMatch(/damaged/);
  });

  it('refuses a folder of another format, and leaves it as it is', async () => {
    const path = folder();
    const other = open<Buffer, string>({ path, noSubdir: false, encoding: 'binary', maxDbs: 8 });
    await other.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' }).put('format', Buffer.from([9]));
    await other.close();
    expect(refusal(() => lmdbStore({ path })).message).toMatch(/has the format 9, and this release knows 1/);
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a folder that this user may not write', () => {
    const path = folder();
    chmodSync(path, 0o755);
    const script = `
      import { lmdbStore } from ${JSON.stringify(fileURLToPath(new URL('../../src/stores/lmdb.ts', import.meta.url)))};
      process.setgid(65534);
      process.setuid(65534);
      try { lmdbStore({ path: ${JSON.stringify(path)} }); } catch (error) { console.log(error.code, error.message); }`;
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    expect(`${stdout}`).toMatch(/ERR_SESSION_STORE_UNAVAILABLE .*can be written \(EACCES/);
  });

  it('finds after reopening what was stored before closing', async () => {
    const path = folder();
    const [id, ended, record, owner] = [makeId(), makeId(), makeRecord(), makeOwner()];
    const first = lmdbStore({ path });
    await first.create(id, { ...record, owner });
    await first.create(ended, makeRecord());
    await first.end(ended, makeEnding('signed-out', 5));
    await first.close();
    const again = openStore(path);
    expect(again.listByOwner(owner)).toEqual([{ id, record: { ...record, owner } }]);
    expect(again.read(ended)).toEqual({ ended: 'signed-out', at: 5 });
  });
});

describe('an lmdb store', () => {
  it('that is full refuses what grows, and still reads, touches and ends', async () => {
    const store = openStore(folder(), { maxBytes: 20_000 });
    const [id, record] = [makeId(), makeRecord({ bytes: new Uint8Array(1_000) })];
    await store.create(id, record);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        rejection(store.create(makeId(), makeRecord({ bytes: new Uint8Array(1_000) }))).then(
          ({ code, outcome }) => `${code} ${outcome}`,
          () => 'created',
        ),
      ),
    );
    // All were asked for at once: those that did not fit have not undone those that did.
    expect(new Set(answers)).toEqual(new Set(['created', 'ERR_SESSION_STORE_FULL not-applied']));
    const created = answers.filter((answer) => answer === 'created').length;
    expect(store.scan().entries).toHaveLength(created + 1);
    expect(await store.touch(id, record.idleDeadline + 1)).toBe('touched');
    const grown = makeRecord({ bytes: new Uint8Array(20_000) });
    expect((await rejection(store.update(id, grown, record.version))).message).toMatch(
      /maxBytes is 20000.*Raise maxBytes/s,
    );
    expect(store.read(id)).toHaveProperty('version', record.version);
    expect(await store.end(id, makeEnding())).toBe(true);
    expect(await store.create(makeId(), makeRecord({ bytes: new Uint8Array(100) }))).toBe('created');
  });

  it('counts what it stores, so that a folder that is emptied has room again', async () => {
    const store = openStore(folder(), { maxBytes: 30_000 });
    for (let round = 0; round < 20; round++) {
      const [id, next, owner] = [makeId(), makeId(), makeOwner()];
      const record = makeRecord({ bytes: new Uint8Array(10_000), idleDeadline: 1_000, owner });
      await store.create(id, record);
      const later = makeRecord({ bytes: new Uint8Array(15_000), idleDeadline: 1_000 });
      await store.update(id, later, record.version);
      const ending = { reason: 'replaced', at: 1, keepUntil: 1_000 };
      await store.replace(id, later.version, next, makeRecord({ idleDeadline: 1_000 }), ending);
      expect(await store.sweep(2_000 + round, 100)).toBe(2);
    }
    expect(await store.create(makeId(), makeRecord({ bytes: new Uint8Array(29_000) }))).toBe('created');
  });

  it('that is closed says so, and closes once', async () => {
    const store = lmdbStore({ path: folder() });
    const pending = store.create(makeId(), makeRecord());
    const closing = store.close();
    expect(store.close()).toBe(closing);
    expect((await rejection(store.create(makeId(), makeRecord()))).message).toMatch(/closed/);
    expect(refusal(() => store.read(makeId())).code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    await closing;
    expect(await pending).toBe('created');
  });

  it('shares its folder with a second handle of the same process, of which one may close', async () => {
    const path = folder();
    const [one, other] = [openStore(path), openStore(path)];
    const id = makeId();
    await one.create(id, makeRecord());
    await one.close();
    expect(await other.end(id, makeEnding())).toBe(true);
    expect(other.read(id)).toHaveProperty('ended');
  });

  it('that meets a record of an unknown form refuses that change alone, and writes nothing of it', async () => {
    const path = folder();
    const store = openStore(path);
    const owner = makeOwner();
    const [id, broken, bystander] = [makeId(), makeId(), makeId()];
    await store.create(id, makeRecord({ owner }));
    await store.create(broken, makeRecord({ owner }));
    const raw = open<Buffer, string>({ path, noSubdir: false, encoding: 'binary', maxDbs: 8 });
    await raw.openDB<Buffer, string>({ name: 'sessions', encoding: 'binary' }).put(broken, Buffer.alloc(60, 9));
    const touching = store.touch(broken, Date.now() + 1e9);
    const creating = store.create(bystander, makeRecord());
    expect((await rejection(touching)).code).toBe('ERR_SESSION_RECORD_UNREADABLE');
    expect(await creating).toBe('created');
    expect(refusal(() => store.read(broken)).code).toBe('ERR_SESSION_RECORD_UNREADABLE');
    expect(store.read(id)).toHaveProperty('bytes');
    const now = Date.now();
    expect(await store.create(makeId(), makeRecord({ owner }), { now, startedAt: now - 1_000 })).toBe('created');
    // What ends it needs to read nothing of it.
    expect(await store.endByOwner(owner, makeEnding('revoked'))).toContain(broken);
    expect(store.read(broken)).toMatchObject({ ended: 'revoked' });
    await raw.close();
  });
});
