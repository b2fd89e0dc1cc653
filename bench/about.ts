/** What a reader has to know of a run: the machine, how busy it was, versions. No path and no name of the machine. */
import { cpus, loadavg, release, totalmem, type } from 'node:os';

export interface About {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly versions: readonly string[];
  /** Programs that wanted to run when the part began, by the system's average over a minute. */
  readonly busy: number;
  readonly cores: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly sessions: number;
  readonly generator: string;
}

export function machine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB of memory`;
  return `${cpus().length} cores (${first?.model.trim() || 'unnamed'}), ${memory}, ${type()} ${release().split('-')[0]}`;
}

export const busyNow = (): number => loadavg()[0] ?? 0;

export function busyLine(busy: number, cores = cpus().length): string {
  const load = `load average ${busy.toFixed(1)} before the run`;
  return busy > cores / 4
    ? `The machine was BUSY with other work (${load}): the figures are rough`
    : `Quiet machine: ${load}`;
}

/** `about 4 min`, `about 40 s`. */
export function aboutSeconds(seconds: number): string {
  return seconds < 90 ? `about ${Math.ceil(seconds / 5) * 5} s` : `about ${Math.ceil(seconds / 60)} min`;
}

/** Why something failed, to be kept with the results: one line, without the machine's paths. */
export function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.replaceAll(/(?:file:\/\/)?(?:\/[\w.@-]+){2,}/g, '...').slice(0, 300);
}
