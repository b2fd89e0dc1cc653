/**
 * A store that fails on command, around one that works. While nothing is planned for a method, its calls go straight
 * through, and those that answer at once still do.
 */
import type { SessionStore } from '../../core/store.js';

/**
 * What happens to a call:
 * - `reject`: it is not applied, and fails
 * - `hang`: it is not applied, and is never answered
 * - `lose-reply`: it is applied, and fails
 * - `apply-and-hang`: it is applied, and is never answered
 * - `delay-call`: it is applied when `release` is called, and answered then
 * - `delay-reply`: it is applied at once, and answered when `release` is called
 */
export type Behaviour = 'reject' | 'hang' | 'lose-reply' | 'apply-and-hang' | 'delay-call' | 'delay-reply';

/** A method of the store, or of a watch that it gave: `watch.read`, `watch.heartbeat`, `watch.close`. */
export type MethodName<Store> = Extract<MethodsOf<Store>, string> | 'watch.read' | 'watch.heartbeat' | 'watch.close';

type MethodsOf<Store> = {
  [Name in keyof Store]-?: NonNullable<Store[Name]> extends (...args: never[]) => unknown ? Name : never;
}[keyof Store];

export interface RecordedCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

type Hook = (call: RecordedCall) => unknown;

export interface FaultyStore<Store extends SessionStore> {
  /** The store to hand to what is tested. */
  readonly store: Store;
  /** Every call so far, the oldest first. */
  readonly calls: readonly RecordedCall[];
  /** Plans a fault for the next `times` calls of a method, or for all until `heal`. The latest plan comes first. */
  on(method: MethodName<Store>, behaviour: Behaviour, plan?: { readonly times?: number; readonly error?: Error }): void;
  /** Runs `hook`, and awaits it, before the next `times` calls of a method (default 1): deterministic races. */
  before(method: MethodName<Store>, hook: Hook, plan?: { readonly times?: number }): void;
  /** Runs `hook`, and awaits it, after the next `times` calls of a method (default 1) were applied, before their answer. */
  after(method: MethodName<Store>, hook: Hook, plan?: { readonly times?: number }): void;
  /** Every method fails, as with the link gone, until `heal`. */
  vanish(error?: Error): void;
  /** Lets go of delayed calls and replies: of a method, or of all. */
  release(method?: MethodName<Store>): void;
  /** Forgets every plan, and lets go of what was delayed. What hangs goes on hanging. */
  heal(): void;
  /** Resolves when the inner store has answered all that it was asked; after `heal`, before what it keeps is taken away. */
  idle(): Promise<void>;
}

interface Plan<Content> {
  readonly method: string;
  readonly content: Content;
  left: number;
}

const lost = () => new Error('the store is not reachable (planned by a test)');

export function faultyStore<Store extends SessionStore>(inner: Store): FaultyStore<Store> {
  const calls: RecordedCall[] = [];
  const faults: Plan<{ behaviour: Behaviour; error: Error }>[] = [];
  const befores: Plan<Hook>[] = [];
  const afters: Plan<Hook>[] = [];
  const delayed = new Set<{ readonly method: string; readonly go: () => void }>();
  const underWay = new Set<PromiseLike<unknown>>();
  let vanished: Error | undefined;

  function watched<Value>(answer: Value): Value {
    if (isThenable(answer)) {
      const forget = (): void => void underWay.delete(answer);
      underWay.add(answer);
      answer.then(forget, forget);
    }
    return answer;
  }

  const released = (method: string) =>
    new Promise<void>((resolve) => {
      const entry = { method, go: resolve };
      delayed.add(entry);
    });

  const release = (method?: string) => {
    for (const entry of [...delayed]) {
      if (method !== undefined && entry.method !== method) continue;
      delayed.delete(entry);
      entry.go();
    }
  };

  async function withFault(behaviour: Behaviour, error: Error, method: string, apply: () => unknown): Promise<unknown> {
    if (behaviour === 'reject') throw error;
    if (behaviour === 'hang') return forever();
    const answer = await (behaviour === 'delay-call' ? watched(released(method).then(apply)) : apply());
    if (behaviour === 'lose-reply') throw error;
    if (behaviour === 'apply-and-hang') return forever();
    if (behaviour === 'delay-reply') await released(method);
    return answer;
  }

  function call(method: string, args: readonly unknown[], run: () => unknown): unknown {
    const recorded = { method, args };
    calls.push(recorded);
    if (vanished) return Promise.reject(vanished);
    const before = take(befores, method);
    const after = take(afters, method);
    const fault = take(faults, method);
    const apply = (): unknown => {
      const answer = watched(run());
      const hooked = after.length === 0 ? answer : then(answer, (value) => then(inTurn(after, recorded), () => value));
      return method === 'watch' ? then(hooked, (watch) => wrap(watch as object, 'watch.')) : hooked;
    };
    const perform = (): unknown => {
      const [first] = fault;
      return first ? withFault(first.behaviour, first.error, method, apply) : apply();
    };
    return before.length === 0 ? perform() : then(inTurn(before, recorded), perform);
  }

  /** A proxy, so that the type guards see what the inner store has and no more. */
  function wrap<Target extends object>(target: Target, prefix = ''): Target {
    return new Proxy(target, {
      get(_, name) {
        const member = Reflect.get(target, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return (...args: unknown[]) => call(`${prefix}${name}`, args, () => Reflect.apply(member, target, args));
      },
    });
  }

  return {
    store: wrap(inner),
    calls,
    on(method, behaviour, { times = Number.POSITIVE_INFINITY, error = lost() } = {}) {
      faults.unshift({ method, content: { behaviour, error }, left: times });
    },
    before: (method, hook, { times = 1 } = {}) => void befores.push({ method, content: hook, left: times }),
    after: (method, hook, { times = 1 } = {}) => void afters.push({ method, content: hook, left: times }),
    vanish(error = lost()) {
      vanished = error;
    },
    release,
    heal() {
      vanished = undefined;
      for (const plans of [faults, befores, afters]) plans.length = 0;
      release();
    },
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

/** The contents of the plans for a method, each of which has one call fewer left. */
function take<Content>(plans: Plan<Content>[], method: string): Content[] {
  const taken = plans.filter((plan) => plan.method === method && plan.left > 0);
  for (const plan of taken) plan.left--;
  return taken.map(({ content }) => content);
}

const forever = () => new Promise<never>(() => undefined);

/** Goes on at once with what is there at once. */
function then<Value>(value: Value | PromiseLike<Value>, next: (value: Value) => unknown): unknown {
  return isThenable(value) ? value.then(next) : next(value);
}

const isThenable = <Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

function inTurn(hooks: readonly Hook[], call: RecordedCall): unknown {
  const [first, ...rest] = hooks;
  return first ? then(first(call), () => inTurn(rest, call)) : undefined;
}
