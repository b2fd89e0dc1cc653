/** A part of the benchmark: a subcommand of `npm run bench`, a file in bench/results/, a section of RESULTS.md. */
import type { Configuration } from './configurations/configuration.js';
import { bounds, configurations } from './configurations/index.js';
import type { Generator } from './load.js';

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  /** By commas, as given. */
  readonly only: string | undefined;
  readonly case: string | undefined;
  readonly rate: number | undefined;
  /** Of records, in bytes. */
  readonly sizes: readonly number[] | undefined;
  /** How many sessions a store is filled with, one after the other. */
  readonly counts: readonly number[] | undefined;
  /** By commas, as given. */
  readonly stores: string | undefined;
  /** That a row has. */
  readonly sessions: number;
  readonly quick: boolean;
}

export interface Tools {
  readonly serverFile: string;
  readonly generator: Generator;
  say(line: string): void;
  /** What there is so far. A run that breaks off leaves what it kept last. */
  keep(soFar: unknown): void;
}

export interface Part<Data = unknown> {
  readonly name: string;
  readonly title: string;
  /** Where `--rounds` and `--seconds` say nothing. */
  readonly defaults: { readonly rounds: number; readonly seconds: number; readonly sessions: number };
  /** A guess, in seconds, for a machine with two quiet cores. */
  estimate(settings: Settings): number;
  /** Packages whose versions matter. */
  packages(settings: Settings): readonly string[];
  run(settings: Settings, tools: Tools): Promise<Data>;
  markdown(data: Data): string;
}

/** Throws at a name that is none. */
export function chosen<Item extends { name: string }>(
  option: string,
  names: string | undefined,
  items: readonly Item[],
): Item[] {
  const wanted = names?.split(',').map((name) => name.trim()) ?? items.map(({ name }) => name);
  for (const name of wanted) {
    if (items.some((item) => item.name === name)) continue;
    throw new Error(`--${option}: there is no '${name}'. There are ${items.map((item) => item.name).join(', ')}.`);
  }
  return items.filter(({ name }) => wanted.includes(name));
}

/** All but those that `names` names. */
export function allBut(names: string): string {
  const skipped = chosen('skip', names, configurations);
  return configurations
    .filter((one) => !skipped.includes(one))
    .map(({ name }) => name)
    .join(',');
}

/** Those that `--only` names (or `usual`), with the sessionless rows that they are compared with, the Express one first. */
export function chosenConfigurations(only: string | undefined, usual?: readonly string[]): Configuration[] {
  const all = [...configurations, ...bounds];
  const names = only ?? (usual ?? configurations.map(({ name }) => name)).join(',');
  const named = chosen('only', names, all);
  const bases = new Set(['none', ...named.flatMap(({ base }) => base ?? [])]);
  return all.filter((one) => bases.has(one.name) || named.includes(one));
}

export const packagesOf = (some: readonly Configuration[]): string[] => [
  ...new Set(['express', ...some.flatMap(({ packages }) => packages)]),
];
