import { describe, expect, it, vi } from 'vitest';
import { deferred } from '../../../test/support/deferred.js';
import { isOwnerIndexed, isWatchable } from '../../core/store.js';
import { memoryStore } from '../memory.js';
import { faultyStore, makeEnding, makeId, makeRecord } from './index.js';

function scene() {
  const inner = memoryStore();
  const faulty = faultyStore(inner);
  const [id, record] = [makeId(), makeRecord()];
  inner.create(id, record);
  return { inner, faulty, store: faulty.store, id, record };
}

/** Whether a promise has settled by the time that all microtasks have run. */
async function settled(promise: unknown): Promise<boolean> {
  let done = false;
  void Promise.resolve(promise).then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('faultyStore', () => {
  it('answers at once as long as nothing is planned, and has what the inner store has', () => {
    const { faulty, store, id, record } = scene();
    expect(store.read(id)).toEqual(record);
    expect(isOwnerIndexed(store) && isWatchable(store)).toBe(true);
    expect(store.name).toBe('memory');
    expect(faulty.calls).toEqual([{ method: 'read', args: [id] }]);
  });

  it('rejects so many times without applying', async () => {
    const { inner, faulty, store, id } = scene();
    faulty.on('end', 'reject', { times: 2, error: new Error('no link') });
    await expect(store.end(id, makeEnding())).rejects.toThrow('no link');
    await expect(store.end(id, makeEnding())).rejects.toThrow('no link');
    expect(inner.read(id)).toHaveProperty('bytes');
    expect(store.end(id, makeEnding())).toBe(true);
  });

  it('loses a reply after it has applied the call', async () => {
    const { inner, faulty, store, id } = scene();
    faulty.on('end', 'lose-reply', { times: 1 });
    await expect(store.end(id, makeEnding())).rejects.toThrow('not reachable');
    expect(inner.read(id)).toHaveProperty('ended');
  });

  it('is idle when the inner store has answered, also to a call that was let go of', async () => {
    const answers = [deferred<boolean>(), deferred<boolean>()] as const;
    const waiting = [...answers];
    const inner = Object.assign(memoryStore(), { end: () => waiting.shift()?.promise ?? false });
    const faulty = faultyStore(inner);
    await faulty.idle();
    faulty.on('end', 'delay-call', { times: 1 });
    const ended = [faulty.store.end(makeId(), makeEnding()), faulty.store.end(makeId(), makeEnding())];
    faulty.heal();
    const idle = faulty.idle();
    expect(await settled(idle)).toBe(false);
    answers[0].resolve(true);
    expect(await settled(idle)).toBe(false);
    answers[1].resolve(true);
    await idle;
    expect(await Promise.all(ended)).toEqual([true, true]);
  });

  it('is idle while a call hangs that was not applied, or that was answered', async () => {
    const { faulty, store, id } = scene();
    faulty.on('touch', 'hang');
    faulty.on('end', 'apply-and-hang');
    void store.touch(id, 8e12);
    void store.end(id, makeEnding());
    await faulty.idle();
  });

  it('hangs, applied or not, and a heal does not answer', async () => {
    const { inner, faulty, store, id } = scene();
    faulty.on('touch', 'hang');
    faulty.on('end', 'apply-and-hang');
    const calls = [store.touch(id, 8e12), store.end(id, makeEnding())];
    faulty.heal();
    expect(await settled(Promise.race(calls))).toBe(false);
    expect(inner.read(id)).toHaveProperty('ended');
  });

  it('holds a call or a reply until it is released', async () => {
    const { inner, faulty, store, id, record } = scene();
    faulty.on('end', 'delay-call');
    faulty.on('read', 'delay-reply');
    const [ending, reading] = [store.end(id, makeEnding()), store.read(id)];
    expect(await settled(Promise.race([ending, reading]))).toBe(false);
    expect(inner.read(id)).toEqual(record);
    faulty.release('end');
    expect(await ending).toBe(true);
    expect(await settled(reading)).toBe(false);
    faulty.release();
    // It was applied before the end, and is answered after it.
    expect(await reading).toEqual(record);
  });

  it('runs a hook before and after one call, in the middle of it', async () => {
    const { inner, faulty, store, id, record } = scene();
    const seen: unknown[] = [];
    faulty.before('update', () => void seen.push(inner.end(id, makeEnding())));
    expect(await store.update(id, makeRecord(), record.version)).toBe('gone');
    faulty.after('read', async () => void seen.push('after'));
    await store.read(id);
    store.read(id);
    expect(seen).toEqual([true, 'after']);
  });

  it('vanishes and comes back, with its watch', async () => {
    const { faulty, store, id } = scene();
    const onChange = vi.fn();
    const watch = store.watch(onChange);
    faulty.vanish();
    await expect(store.read(id)).rejects.toThrow('not reachable');
    await expect(watch.heartbeat()).rejects.toThrow('not reachable');
    faulty.heal();
    expect(watch.heartbeat()).toBeUndefined();
    store.end(id, makeEnding());
    expect(onChange).toHaveBeenCalledWith(id);
    faulty.on('watch.heartbeat', 'hang', { times: 1 });
    expect(await settled(watch.heartbeat())).toBe(false);
  });
});
