/** Interleaved rounds: each runs every configuration once, in an order that changes, so that drift hits all alike. */
import type { Case } from './cases.js';
import type { Configuration } from './configurations/configuration.js';
import { connections, type Generator } from './load.js';
import { beginSessions, prove, Visitor } from './proof.js';
import { Served } from './served.js';
import { zipfDraws } from './sessions.js';

export interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
  readonly non2xx: number;
}

/** By configuration, then by round. */
export type Rounds = ReadonlyMap<Configuration, readonly Sample[]>;

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly serverFile: string;
  readonly generator: Generator;
  say(line: string): void;
}

/** A server with its sessions, proved and warm. */
export interface Ready {
  readonly served: Served;
  readonly prepared: string;
}

export async function makeReady(configuration: Configuration, asked: Case, plan: Omit<Plan, 'rounds'>): Promise<Ready> {
  const served = await Served.start(configuration, plan.serverFile);
  const visitor = new Visitor(served.port);
  try {
    const cookies = await beginSessions(visitor);
    if (!configuration.sessionless) await prove(visitor, cookies);
    const { method, path, known } = asked;
    const prepared = plan.generator.prepare(served.folder, {
      method,
      path,
      cookies: known ? cookies : [],
      draws: zipfDraws(),
    });
    await plan.generator.run(served.port, prepared, plan.warmSeconds);
    return { served, prepared };
  } catch (error) {
    await served.close();
    throw new Error(`${configuration.name}, ${asked.name}: ${error instanceof Error ? error.message : error}`);
  } finally {
    visitor.close();
  }
}

export async function measureCase(asked: Case, configurations: readonly Configuration[], plan: Plan): Promise<Rounds> {
  const ready: Ready[] = [];
  const samples = new Map<Configuration, Sample[]>(configurations.map((one) => [one, []]));
  try {
    for (const configuration of configurations) {
      plan.say(`${asked.name}: sessions for ${configuration.name}`);
      ready.push(await makeReady(configuration, asked, plan));
    }
    for (let round = 0; round < plan.rounds; round++) {
      const figures: string[] = [];
      for (const one of orderOf(ready, round)) {
        const sample = await measure(one, asked, plan);
        samples.get(one.served.configuration)?.push(sample);
        figures.push(`${one.served.configuration.name} ${Math.round(sample.perSecond)}`);
      }
      plan.say(`${asked.name}: round ${round + 1} of ${plan.rounds}, requests per second: ${figures.join(', ')}`);
    }
  } finally {
    await Promise.all(ready.map(({ served }) => served.close()));
  }
  return samples;
}

/** Starts one later each round, and goes backwards every other round. */
function orderOf<Item>(items: readonly Item[], round: number): Item[] {
  const from = Math.floor(round / 2) % items.length;
  const rotated = [...items.slice(from), ...items.slice(0, from)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

async function measure({ served, prepared }: Ready, asked: Case, plan: Plan): Promise<Sample> {
  await served.begin();
  const load = await plan.generator.run(served.port, prepared, plan.seconds);
  const { cpuUs, rssBytes, handled, hits } = await served.measured();
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
  const expected = asked.known ? handled : 0;
  if (hits !== expected) {
    throw new Error(`${name}, ${asked.name}: ${hits} of ${handled} requests had a session, expected ${expected}.`);
  }
  return {
    perSecond: load.requests / load.seconds,
    cpuUs: cpuUs / handled,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    rssMb: rssBytes / 2 ** 20,
    non2xx: load.non2xx,
  };
}
