/**
 * Two engines over one store, browsers that reach either, and a model of what each may see. True time is the world's;
 * each engine has clocks of its own, which stand still, jump or are set back as the steps say.
 */
import type { Scheduler } from 'fast-check';
import type { Engine } from '../../src/core/engine.js';
import type { SessionId } from '../../src/core/ids.js';
import { leaseMs } from '../../src/core/notices.js';
import { newEngine } from '../support/bare-request.js';
import { type Due, Machine } from './machine.js';
import { type Door, SharedStore, type Wire } from './shared-store.js';

const tickMs = 10;
const tagLifeMs = 5_000;

interface Instance {
  readonly machine: Machine;
  readonly door: Door;
  readonly engine: Engine;
}

interface Change {
  readonly key: string;
  ackedAt: number;
  /** The browser whose request made it has the answer. */
  told: boolean;
}

/** Messages that keep their order. */
interface Lane {
  readonly queue: Due[];
  /** Who must be awake to hear them; the store always is. */
  readonly hearer: Machine | undefined;
  running: boolean;
}

/** A session, the browser that has it, and what has been made of it. */
class Subject {
  readonly id: SessionId;
  readonly token: string;
  readonly changes: Change[] = [];
  ending = false;
  endedAt = Number.POSITIVE_INFINITY;
  /** The tag in the browser's jar, and until when. */
  tag: { readonly value: string; readonly until: number } | undefined;

  constructor(id: SessionId, token: string) {
    this.id = id;
    this.token = token;
  }
}

export type Step =
  | { readonly kind: 'write'; readonly on: number; readonly answerMs: number }
  | { readonly kind: 'read' | 'probe' | 'end' | 'cut' | 'half-open' | 'mend' | 'wake' | 'begin'; readonly on: number }
  | { readonly kind: 'reads'; readonly on: number }
  | { readonly kind: 'sleep'; readonly on: number; readonly stands: boolean }
  | { readonly kind: 'set-back'; readonly on: number; readonly ms: number }
  | {
      readonly kind: 'slow';
      readonly on: number;
      readonly linkMs: number;
      readonly noticeMs: number;
      readonly callMs: number;
    }
  | { readonly kind: 'advance'; readonly ms: number };

export class World {
  time = Date.UTC(2030, 0, 1);
  readonly lies: string[] = [];
  /** Answers from memory, reads that were overtaken and so on: that the steps reach what they are to try. */
  readonly instances: readonly Instance[];
  readonly #store = new SharedStore();
  readonly #scheduler: Scheduler;
  readonly #lanes = new Map<object, Lane>();
  #subject: Subject | undefined;
  #made = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.instances = [0, 1].map(() => {
      const machine = new Machine(this);
      const wire: Wire = {
        send: (to, lane, afterMs, deliver) => this.#send(to === 'engine' ? machine : undefined, lane, afterMs, deliver),
      };
      const door = this.#store.door(wire);
      return { machine, door, engine: newEngine(door.store, { clock: machine, cache: true, keepEnded: '1h' }) };
    });
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#begin();
    for (let warm = 0; warm < 3; warm++) {
      for (const on of this.instances.keys()) this.#read(on, true);
      await this.#advance(100);
    }
    for (const step of steps) await this.#step(step);
    for (const { door, machine } of this.instances) {
      this.#wake(machine);
      door.mend();
    }
    await this.#advance(3_000);
    for (let on = 0; on < this.instances.length; on++) this.#read(on, true);
    await this.#advance(3_000);
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === 'advance') return this.#advance(step.ms);
    const instance = this.instances[step.on] as Instance;
    const { machine, door } = instance;
    switch (step.kind) {
      case 'write':
        return void (machine.awake && this.#write(instance, step.answerMs));
      case 'read':
      case 'probe':
        return void (machine.awake && this.#read(step.on, step.kind === 'read'));
      case 'reads':
        for (let i = 0; i < 3 && machine.awake; i++) this.#read(step.on, true);
        return;
      case 'end':
        return machine.awake ? this.#end(instance) : undefined;
      case 'begin':
        return (this.#subject as Subject).ending && this.instances[0]?.machine.awake ? this.#begin() : undefined;
      case 'cut':
        return machine.awake ? door.cut() : undefined;
      case 'half-open':
        return door.halfOpen();
      case 'mend':
        return machine.awake ? door.mend() : undefined;
      case 'slow':
        door.linkDelayMs = step.linkMs;
        door.noticeDelayMs = step.noticeMs;
        door.callDelayMs = step.callMs;
        return;
      case 'sleep':
        // A wall clock that is set back by as much as the machine then sleeps hides the sleep: that is not promised.
        if (this.time - machine.wallSetAt > 10_000) machine.awake = false;
        machine.stands = step.stands;
        return;
      case 'wake':
        return this.#wake(machine);
      case 'set-back':
        machine.wallOffset -= step.ms;
        machine.wallSetAt = this.time;
    }
  }

  #wake(machine: Machine): void {
    if (machine.awake) return;
    machine.awake = true;
    machine.wokeAt = this.time;
  }

  async #advance(ms: number): Promise<void> {
    const until = this.time + ms;
    while (this.time < until) {
      this.time += tickMs;
      for (const { machine } of this.instances) {
        if (machine.awake) machine.runTimers();
        else if (machine.stands) machine.slept += tickMs;
      }
      for (const [key, lane] of this.#lanes) {
        if (lane.queue.length === 0) this.#lanes.delete(key);
        else this.#pump(lane);
      }
      await this.#scheduler.waitIdle();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #send(hearer: Machine | undefined, key: object, afterMs: number, deliver: () => void): void {
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = { queue: [], hearer, running: false };
      this.#lanes.set(key, lane);
    }
    const last = lane.queue.at(-1)?.at ?? 0;
    lane.queue.push({ at: Math.max(last, this.time + afterMs), run: deliver });
  }

  #pump(lane: Lane): void {
    const first = lane.queue[0];
    if (lane.running || !first || first.at > this.time || lane.hearer?.awake === false) return;
    lane.running = true;
    void this.#scheduler.schedule(Promise.resolve()).then(() => {
      lane.running = false;
      lane.queue.shift();
      first.run();
      this.#pump(lane);
    });
  }

  async #begin(): Promise<void> {
    const { engine } = this.instances[0] as Instance;
    const handle = await engine.open([], { safe: false });
    Object.assign(engine.sessionOf(handle), { begun: true });
    let stored = false;
    void Promise.resolve(engine.commit(handle)).then(() => {
      stored = true;
    });
    while (!stored) await this.#advance(tickMs);
    const cookie = engine.cookieOf(handle);
    engine.release(handle);
    if (typeof cookie !== 'object') throw new Error('no session could be begun');
    if (handle.stored) this.#subject = new Subject(handle.stored.id, cookie.set);
  }

  #write({ engine }: Instance, answerMs: number): void {
    const subject = this.#subject as Subject;
    const change: Change = { key: `w${this.#made++}`, ackedAt: Number.POSITIVE_INFINITY, told: false };
    const work = async () => {
      const handle = await engine.open([subject.token], { safe: false });
      if (handle.phase !== 'alive') return engine.release(handle);
      Object.assign(engine.sessionOf(handle), { [change.key]: 1 });
      await engine.commit(handle);
      change.ackedAt = this.time;
      subject.changes.push(change);
      const tag = engine.tagOf(handle);
      engine.release(handle);
      this.#send(undefined, change, answerMs, () => {
        change.told = true;
        if (tag !== undefined) subject.tag = { value: tag, until: this.time + tagLifeMs };
      });
    };
    // A write that met the end of the session, or a stopped machine, says so and is not acknowledged.
    work().catch(() => undefined);
  }

  /** What must be seen is settled when the request arrives; what is seen, when it is answered. */
  #read(on: number, safe: boolean): void {
    const { engine, machine } = this.instances[on] as Instance;
    const subject = this.#subject as Subject;
    const arrivedAt = this.time;
    const horizon = safe ? arrivedAt - leaseMs : arrivedAt;
    const must = subject.changes.filter(({ ackedAt, told }) => told || ackedAt < horizon).map(({ key }) => key);
    const mustBeOver = subject.endedAt < horizon;
    const tag = subject.tag && subject.tag.until > this.time ? subject.tag.value : undefined;
    const what = `${safe ? 'safe' : 'unsafe'} read on ${on}`;
    const look = async () => {
      const handle = await engine.open([subject.token], { safe, tag });
      if (handle.phase === 'unavailable') {
        // A machine that stopped in the middle finds its deadlines passed.
        if (machine.awake && machine.wokeAt < arrivedAt) this.lies.push(`${what}: ${handle.error?.message}`);
      } else if (handle.phase === 'alive') {
        if (mustBeOver) this.lies.push(`${what}: accepted ${arrivedAt - subject.endedAt} ms after its end`);
        const seen = engine.sessionOf(handle);
        const missed = must.filter((key) => !(key in seen));
        if (missed.length > 0)
          this.lies.push(`${what}: does not see ${missed}${handle.fromCache ? ', from memory' : ''}`);
      } else if (!subject.ending) {
        this.lies.push(`${what}: refused a live session`);
      }
      engine.release(handle);
    };
    look().catch((error: unknown) => this.lies.push(`${what}: ${error}`));
  }

  #end({ engine }: Instance): void {
    const subject = this.#subject as Subject;
    subject.ending = true;
    const work = async () => {
      await engine.endSession(subject.id, 'revoked');
      subject.endedAt = Math.min(subject.endedAt, this.time);
    };
    work().catch(() => undefined);
  }
}
