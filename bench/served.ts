/** A configuration's server process as the harness holds it: started, asked, ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, type ProgramName, programs } from '../test/support/programs.js';
import { repositoryVariable } from './built.js';
import type { Configuration } from './configurations/configuration.js';
import { repository } from './prepare.js';
import type { Answer, Measured, Question, Weighed } from './protocol.js';
import { usualBytes } from './sessions.js';

/** A database makes its files first, and others may be doing the same. */
const startMs = 60_000;
const answerMs = 20_000;
const closeMs = 5_000;

const stores: readonly ProgramName[] = ['redis-server', 'postgres', 'mongodb-server'];
const servers = Object.fromEntries(stores.map((name) => [programs[name].variable, findProgram(name) ?? '']));

export interface StartOptions {
  /** Of a session's data as JSON, about. Default: `usualBytes`. */
  readonly recordBytes?: number;
  /** The folder whose dist/ is served. Default: this repository. */
  readonly built?: string;
}

export class Served {
  readonly configuration: Configuration;
  readonly port: number;
  /** Of this server alone; removed with it. */
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(configuration: Configuration, port: number, folder: string, child: ChildProcess) {
    this.configuration = configuration;
    this.port = port;
    this.folder = folder;
    this.#child = child;
  }

  static async start(configuration: Configuration, serverFile: string, options: StartOptions = {}): Promise<Served> {
    const { recordBytes = usualBytes, built = repository } = options;
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
    const child = fork(serverFile, [configuration.name, folder, String(recordBytes)], {
      // The harness's own loader must not reach the server, nor a production setting that refuses plain http.
      execArgv: ['--expose-gc'],
      env: { ...process.env, ...servers, NODE_OPTIONS: '', NODE_ENV: 'development', [repositoryVariable]: built },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    try {
      const ready = await answerFrom(child, 'ready', startMs);
      return new Served(configuration, ready.port, folder, child);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async begin(profile = false): Promise<void> {
    await this.#ask({ ask: 'start', profile }, 'started');
  }

  measured(): Promise<Measured> {
    return this.#ask({ ask: 'stop' }, 'measured');
  }

  weighed(): Promise<Weighed> {
    return this.#ask({ ask: 'weigh' }, 'weighed');
  }

  /** Asks it to end, and ends it if it doesn't. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const impatient = setTimeout(() => child.kill('SIGKILL'), closeMs);
      if (child.connected) child.send({ ask: 'close' } satisfies Question);
      else child.kill('SIGKILL');
      await ended;
      clearTimeout(impatient);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #ask<Say extends Answer['say']>(question: Question, say: Say): Promise<Extract<Answer, { say: Say }>> {
    const answered = answerFrom(this.#child, say, answerMs);
    this.#child.send(question);
    return answered;
  }
}

function answerFrom<Say extends Answer['say']>(
  child: ChildProcess,
  say: Say,
  deadlineMs: number,
): Promise<Extract<Answer, { say: Say }>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error(`no answer '${say}' within ${deadlineMs} ms`)), deadlineMs);
    const onExit = (code: number | null) => finish(new Error(`the server ended with ${code}`));
    const onMessage = (answer: Answer) => {
      if (answer.say === 'failed') finish(new Error(`the server failed: ${answer.why}`));
      else if (isAnswer(answer, say)) finish(answer);
    };
    const finish = (outcome: Error | Extract<Answer, { say: Say }>) => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    child.on('message', onMessage).on('exit', onExit);
  });
}

const isAnswer = <Say extends Answer['say']>(answer: Answer, say: Say): answer is Extract<Answer, { say: Say }> =>
  answer.say === say;
