/** Any sequence of calls, one by one or several at a time, answers as the model does and leaves what the model holds. */
import type { OwnerHash, SessionId } from '../../core/ids.js';
import { isOwnerIndexed, type Owning, type SessionStore, type StoredRecord } from '../../core/store.js';
import { hourMs, makeId, makeOwner, makeVersion } from './fixtures.js';
import { type Bench, law, needsAtomicReplace, needsOwners } from './law.js';
import { Model } from './model.js';
import type { Call, Watched } from './observe.js';
import { together } from './serial.js';

/** A small generator with a seed (mulberry32), so that a failure can be had again. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Makes calls about a few ids and owners, so that most of them meet what an earlier one has left. */
class Script {
  readonly #below: (below: number) => number;
  readonly #base = Date.now();
  readonly #owned: boolean;
  readonly #made: Call[] = [];
  readonly #versions = [makeVersion()];
  readonly watched: Watched & { readonly owners: readonly OwnerHash[] };
  /** Each id belongs to one owner or to none, as ids of an owner do. */
  readonly #ownerOf = new Map<SessionId, OwnerHash>();

  constructor(seed: number, owned: boolean) {
    this.#below = random(seed);
    this.#owned = owned;
    const owners = owned ? [makeOwner(), makeOwner()] : [];
    const ids = Array.from({ length: 6 }, (_, index) => {
      const owner = index < 2 ? undefined : owners[index === 5 ? 1 : 0];
      const id = makeId(owner);
      if (owner !== undefined) this.#ownerOf.set(id, owner);
      return id;
    });
    this.watched = { ids, owners };
  }

  /** A new call, or one of the earlier ones again, as after a lost reply. */
  next(): Call {
    if (this.#made.length > 0 && this.#below(5) === 0) return this.#pick(this.#made);
    const call = this.#make();
    this.#made.push(call);
    return call;
  }

  #make(): Call {
    const id = this.#pick(this.watched.ids);
    const kinds = this.#owned ? 12 : 11;
    const kind = this.#below(kinds);
    if (kind < 3) return { method: 'create', args: [id, this.#record(id), this.#owning()] };
    if (kind < 6) return { method: 'update', args: [id, this.#record(id), this.#pick(this.#recent())] };
    if (kind < 8) return { method: 'touch', args: [id, this.#deadline()] };
    if (kind < 9) return { method: 'end', args: [id, this.#ending('signed-out')] };
    if (kind < 11) {
      const next = this.#pick(this.watched.ids);
      const expected = this.#pick(this.#recent());
      return {
        method: 'replace',
        args: [id, expected, next, this.#record(next), this.#ending('replaced'), this.#owning()],
      };
    }
    const except = this.#below(2) ? { except: this.#pick(this.watched.ids) } : undefined;
    return { method: 'endByOwner', args: [this.#pick(this.watched.owners), this.#ending('revoked'), except] };
  }

  #record(id: SessionId): StoredRecord {
    const version = makeVersion();
    this.#versions.push(version);
    const record = { bytes: Uint8Array.of(this.#below(256)), version, idleDeadline: this.#deadline() };
    const owner = this.#ownerOf.get(id);
    return owner === undefined ? record : { ...record, owner };
  }

  /** The last few versions: what is stored is often one of them. */
  #recent() {
    return this.#versions.slice(-8);
  }

  #deadline(): number {
    return this.#base + (1 + this.#below(4)) * hourMs;
  }

  #ending(reason: string) {
    return { reason, at: this.#base + this.#below(3), keepUntil: this.#base + 20 * hourMs };
  }

  #owning(): Owning | undefined {
    if (!this.#owned || this.#below(4) === 0) return undefined;
    const shared = {
      now: this.#base + this.#below(3) * hourMs,
      startedAt: this.#base + this.#below(5),
      keepUntil: this.#base + 20 * hourMs,
    };
    if (this.#below(3) === 0) return shared;
    return { ...shared, limit: 1 + this.#below(2), onExceed: this.#below(2) ? 'evict-oldest' : 'reject' };
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

/** The ids of one sequence are met by no other, so one store serves for all of them, several at a time. */
async function play({ store, second, seed }: Bench, sequence: number, atATime: number): Promise<void> {
  const script = new Script(seed + sequence, isOwnerIndexed(store));
  let model = new Model();
  const stores: [SessionStore, SessionStore] = sequence % 2 ? [store, second] : [second, store];
  for (let step = 0; step < 24; step += atATime) {
    const calls = Array.from({ length: atATime }, () => script.next());
    try {
      model = await together(stores, calls, model, script.watched);
    } catch (error) {
      throw new Error(`sequence ${sequence} of seed ${seed}, step ${step}`, { cause: error });
    }
  }
}

async function playAll(bench: Bench, atATime: number): Promise<void> {
  const lanes = 8;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let sequence = lane; sequence < bench.sequences; sequence += lanes) await play(bench, sequence, atATime);
    }),
  );
}

export const sequences = [
  law('one call at a time', (bench) => playAll(bench, 1)),
  law('two calls at a time', (bench) => playAll(bench, 2), needsAtomicReplace),
  law('three calls at a time, with owners', (bench) => playAll(bench, 3), needsAtomicReplace, needsOwners),
];
