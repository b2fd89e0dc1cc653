/** Interleaved rounds: each runs every configuration once, in an order that changes, so that drift hits all alike. */
import { reasonOf } from './about.js';
import type { Case } from './cases.js';
import type { Configuration } from './configurations/configuration.js';
import { connections, type Generator } from './load.js';
import { beginSessions, prove, Visitor } from './proof.js';
import { Served, type StartOptions } from './served.js';
import { sessionCount, zipfDraws } from './sessions.js';
import { type Measurement, withBase } from './statistics.js';

export interface Sample extends Measurement {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
  /** A request's share of what the store's server carried out; absent where that doesn't say. */
  readonly commands?: Readonly<Record<string, number>>;
  /** CPU time of the store's server for a request; absent where that doesn't say. */
  readonly storeUs?: number;
  /** Bytes a request, to the store and from it. */
  readonly sent: number;
  readonly received: number;
}

/** A row that was left out, because it failed: of one case, or of all. */
export interface Failure {
  readonly configuration: string;
  readonly case?: string;
  readonly why: string;
}

export interface Outcome {
  readonly asked: Case;
  readonly samples: readonly Sample[];
}

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly serverFile: string;
  readonly generator: Generator;
  /** Default: 10,000. */
  readonly sessions?: number;
  readonly start?: StartOptions;
  say(line: string): void;
  /** Told after each case. */
  done?(outcomes: readonly Outcome[]): void;
}

/** A server with its sessions, proved. */
export interface Standing {
  readonly served: Served;
  readonly cookies: readonly string[];
}

/** A server with its sessions, proved and warm, and what the load is to send. */
export interface Ready {
  readonly served: Served;
  readonly prepared: string;
}

type ReadyPlan = Omit<Plan, 'rounds'>;

export async function stand(configuration: Configuration, plan: ReadyPlan): Promise<Standing> {
  const served = await Served.start(configuration, plan.serverFile, plan.start);
  const visitor = new Visitor(served.port);
  try {
    const cookies = await beginSessions(visitor, plan.sessions ?? sessionCount);
    if (!configuration.sessionless) await prove(visitor, cookies);
    return { served, cookies };
  } catch (error) {
    await served.close();
    throw new Error(`${configuration.name}: ${error instanceof Error ? error.message : error}`);
  } finally {
    visitor.close();
  }
}

/**
 * Two at a time, since each keeps a core busy. A row that fails is left out, and said so in `failures`; but nothing is
 * worth anything without the rows that others are compared with.
 */
export async function standAll(
  configurations: readonly Configuration[],
  plan: ReadyPlan,
  failures: Failure[] = [],
): Promise<Standing[]> {
  const standing = new Map<Configuration, Standing>();
  const waiting = [...configurations];
  const worker = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      try {
        const begun = performance.now();
        standing.set(one, await stand(one, plan));
        const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
        plan.say(`${standing.size} of ${configurations.length} ready: ${one.name}, in ${seconds} s`);
      } catch (error) {
        failures.push({ configuration: one.name, why: reasonOf(error) });
        plan.say(`LEFT OUT: ${reasonOf(error)}`);
      }
    }
  };
  await Promise.all([worker(), worker()]);
  const [needed] = configurations.filter((one) => one.sessionless && !standing.has(one));
  if (needed) {
    await closeAll([...standing.values()]);
    throw new Error(`${needed.name} did not start, and others are compared with it.`);
  }
  return configurations.flatMap((one) => standing.get(one) ?? []);
}

export const closeAll = (standing: readonly Standing[]): Promise<unknown> =>
  Promise.all(standing.map(({ served }) => served.close()));

export function readyFor({ served, cookies }: Standing, asked: Case, plan: ReadyPlan): Ready {
  const { method, path, known } = asked;
  const prepared = plan.generator.prepare(served.folder, {
    method,
    path,
    cookies: known ? cookies : [],
    draws: zipfDraws(cookies.length),
  });
  return { served, prepared };
}

export async function makeReady(configuration: Configuration, asked: Case, plan: ReadyPlan): Promise<Ready> {
  const ready = readyFor(await stand(configuration, plan), asked, plan);
  await plan.generator.run(ready.served.port, ready.prepared, plan.warmSeconds);
  return ready;
}

/** All servers stand from the first case to the last, each with its own store; only one is asked at a time. */
export async function measureCases(
  asked: readonly Case[],
  configurations: readonly Configuration[],
  plan: Plan,
  failures: Failure[],
): Promise<Outcome[]> {
  const standing = await standAll(configurations, plan, failures);
  try {
    const outcomes: Outcome[] = [];
    for (const one of asked) {
      outcomes.push({ asked: one, samples: await measureCase(one, standing, plan, failures) });
      plan.done?.(outcomes);
    }
    return outcomes;
  } finally {
    await closeAll(standing);
  }
}

async function measureCase(
  asked: Case,
  standing: readonly Standing[],
  plan: Plan,
  failures: Failure[],
): Promise<Sample[]> {
  const ready = standing.map((one) => readyFor(one, asked, plan));
  const [base, ...others] = ready;
  if (base === undefined) return [];
  for (const { served, prepared } of ready) await plan.generator.run(served.port, prepared, plan.warmSeconds);
  const samples: Sample[] = [];
  const failed = new Set<string>();
  for (let round = 0; round < plan.rounds; round++) {
    const figures: string[] = [];
    for (const one of withBase(base, others, round)) {
      const { name, sessionless } = one.served.configuration;
      if (failed.has(name)) continue;
      try {
        const sample = await measure(one, asked, round, plan);
        samples.push(sample);
        figures.push(`${name} ${Math.round(sample.perSecond)}`);
      } catch (error) {
        if (sessionless) throw error;
        failed.add(name);
        failures.push({ configuration: name, case: asked.name, why: reasonOf(error) });
        plan.say(`LEFT OUT: ${reasonOf(error)}`);
      }
    }
    plan.say(`${asked.name}: round ${round + 1} of ${plan.rounds}, requests per second: ${figures.join(', ')}`);
  }
  // Its earlier rounds too: what breaks under a load has no speed.
  return samples.filter(({ configuration }) => !failed.has(configuration));
}

export async function measure(
  { served, prepared }: Ready,
  asked: Case,
  round: number,
  plan: Pick<Plan, 'generator' | 'seconds'>,
): Promise<Sample> {
  await served.begin();
  const load = await plan.generator.run(served.port, prepared, plan.seconds);
  const { cpuUs, rssBytes, handled, hits, commands, storeCpuUs, sentBytes, receivedBytes } = await served.measured();
  const { name } = served.configuration;
  if (load.non2xx + load.broken > 0) {
    throw new Error(
      `${name}, ${asked.name}: ${load.non2xx} answers were not 2xx and ${load.broken} requests broke off.`,
    );
  }
  // A request may be under way when the load ends; more than one for each connection can't.
  if (handled < load.requests || handled > load.requests + 2 * connections) {
    throw new Error(`${name}, ${asked.name}: the app handled ${handled} requests, the load counted ${load.requests}.`);
  }
  // Where the lookup is a promise, a request under way has been handled and not found its session yet.
  const [least, most] = asked.known && asked.looks ? [load.requests, handled] : [0, 0];
  if (hits < least || hits > most) {
    throw new Error(
      `${name}, ${asked.name}: ${hits} of ${handled} requests had a session, expected ${least} to ${most}.`,
    );
  }
  const each = commands && Object.entries(commands).map(([command, count]) => [command, count / handled] as const);
  return {
    configuration: name,
    round,
    perSecond: load.requests / load.seconds,
    cpuUs: cpuUs / handled,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    rssMb: rssBytes / 2 ** 20,
    sent: sentBytes / handled,
    received: receivedBytes / handled,
    ...(storeCpuUs !== undefined && { storeUs: storeCpuUs / handled }),
    ...(each && { commands: Object.fromEntries(each) }),
  };
}
