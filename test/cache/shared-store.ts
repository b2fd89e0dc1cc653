/**
 * One memory store that several engines reach as processes reach a server: each over a connection of its own, and over a
 * link for notices that is slow, cut or half-open as the test says. Calls and messages are set out in time by `Wire`, so
 * that a test moves them. It tells of changes as sparingly as the contract allows, once for what was read on the link; and
 * notices overtake answers and are overtaken, as where they come on a connection of their own.
 */
import type { SessionId } from '../../src/core/ids.js';
import type { SessionStore, Watch, Watchable } from '../../src/core/store.js';
import { memoryStore } from '../../src/stores/memory.js';

/** When something that was sent arrives. */
export interface Wire {
  /** Runs `deliver` after so long, at this end or at that, in the order of the calls with the same `lane`. */
  send(to: 'store' | 'engine', lane: object, afterMs: number, deliver: () => void): void;
}

interface Connection {
  readonly onChange: (id: SessionId | 'all') => void;
  /** What was read on it since the last notice. */
  readonly tracked: Set<SessionId>;
  readonly pending: Set<(error: Error) => void>;
  readonly up: object;
  readonly down: object;
  readonly notices: object;
  state: 'open' | 'silent' | 'lost';
}

export class SharedStore {
  readonly inner = memoryStore();
  readonly #doors: Door[] = [];

  constructor() {
    this.inner.watch((id) => {
      // The memory store misses nothing, so it never says 'all'.
      for (const door of this.#doors) door.changed(id as SessionId);
    });
  }

  door(wire: Wire): Door {
    const door = new Door(this.inner, wire);
    this.#doors.push(door);
    return door;
  }
}

/** How one engine reaches the store. */
export class Door {
  readonly #inner: ReturnType<typeof memoryStore>;
  readonly #wire: Wire;
  #connections = new Set<{ current: Connection; closed: boolean }>();
  /** One way, in ms. */
  linkDelayMs = 1;
  noticeDelayMs = 1;
  callDelayMs = 1;
  link: 'up' | 'cut' | 'half-open' = 'up';
  /** Calls past the link, the reads above all. */
  calls = 0;

  constructor(inner: ReturnType<typeof memoryStore>, wire: Wire) {
    this.#inner = inner;
    this.#wire = wire;
  }

  get store(): SessionStore & Watchable {
    const call = <Args extends unknown[], Result>(method: (...args: Args) => Result) => {
      return (...args: Args): Promise<Result> =>
        new Promise((resolve, reject) => {
          this.calls++;
          this.#wire.send('store', {}, this.callDelayMs, () => {
            try {
              const answer = method.apply(this.#inner, args);
              this.#wire.send('engine', {}, this.callDelayMs, () => resolve(answer));
            } catch (error) {
              reject(error);
            }
          });
        });
    };
    const { create, read, update, touch, end, replace } = this.#inner;
    return {
      name: 'shared',
      networked: true,
      create: call(create),
      read: call(read),
      update: call(update),
      touch: call(touch),
      end: call(end),
      replace: call(replace),
      watch: (onChange) => this.#watch(onChange),
    };
  }

  changed(id: SessionId): void {
    for (const { current } of this.#connections)
      if (current.tracked.delete(id))
        this.#send(current, current.notices, this.noticeDelayMs, () => current.onChange(id));
  }

  /** The link is lost with all that was on its way; this end notices. */
  cut(): void {
    this.link = 'cut';
    for (const { current } of this.#connections) lose(current);
  }

  /** The other end is gone, and this end does not notice: what is sent gets nowhere. */
  halfOpen(): void {
    if (this.link === 'cut') return;
    this.link = 'half-open';
    for (const { current } of this.#connections) if (current.state === 'open') current.state = 'silent';
  }

  /** The network is whole again; a connection is a new one, and its predecessor may have missed notices. */
  mend(): void {
    if (this.link === 'up') return;
    this.link = 'up';
    for (const entry of this.#connections) {
      lose(entry.current);
      entry.current = connection(entry.current.onChange);
      entry.current.onChange('all');
    }
  }

  async #watch(onChange: (id: SessionId | 'all') => void): Promise<Watch> {
    if (this.link !== 'up') throw new Error('no link can be had');
    const entry = { current: connection(onChange), closed: false };
    this.#connections.add(entry);
    return {
      read: (id) =>
        this.#ask(entry.current, () => {
          entry.current.tracked.add(id);
          return this.#inner.read(id);
        }),
      heartbeat: async () => {
        const on = entry.current;
        // Answered behind every notice that was sent before.
        const heard = this.#ask(on, () => undefined, 'notices');
        await Promise.all([this.#ask(on, () => undefined), heard]);
      },
      close: () => {
        this.#connections.delete(entry);
        lose(entry.current);
      },
    };
  }

  #ask<Answer>(on: Connection, run: () => Answer, by: 'down' | 'notices' = 'down'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (on.state === 'lost') return reject(new Error('the link is lost'));
      on.pending.add(reject);
      if (on.state === 'silent') return;
      this.#wire.send('store', on.up, this.linkDelayMs, () => {
        if (on.state !== 'open') return;
        const answer = run();
        this.#send(on, on[by], by === 'down' ? this.linkDelayMs : this.noticeDelayMs, () => {
          on.pending.delete(reject);
          resolve(answer);
        });
      });
    });
  }

  #send(on: Connection, lane: object, afterMs: number, deliver: () => void): void {
    if (on.state !== 'open') return;
    this.#wire.send('engine', lane, afterMs, () => {
      if (on.state === 'open') deliver();
    });
  }
}

const connection = (onChange: Connection['onChange']): Connection => ({
  onChange,
  tracked: new Set(),
  pending: new Set(),
  up: {},
  down: {},
  notices: {},
  state: 'open',
});

function lose(on: Connection): void {
  on.state = 'lost';
  on.tracked.clear();
  for (const reject of on.pending) reject(new Error('the link is lost'));
  on.pending.clear();
}
