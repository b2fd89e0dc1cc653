/**
 * An audit log in a file: one JSON object a line, appended, for `session({ audit: auditFile({ path }) })`.
 *
 * A request never waits for it and never fails by it. Lines queue in memory up to a limit; beyond it the newest are
 * dropped and counted, and a line says so once there is room. A write that fails is tried again with what has come
 * meanwhile, and the process is warned once for each outage.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { AuditEvent } from './core/audit.js';
import { optionError } from './core/errors.js';
import { takeOptions, wholeNumber, word } from './core/options.js';

export type { AuditAction, AuditEvent } from './core/audit.js';

export interface AuditFileOptions {
  /** Where it lies. Made with mode 0600 if it is not there; a symbolic link is refused. */
  readonly path: string;
  /** The most bytes that wait to be written. Default 4 MiB. */
  readonly maxBuffered?: number | undefined;
}

export interface AuditFile {
  (event: AuditEvent): void;
  /** Goes on in a new file under the same path, after a log rotation has moved the old one: `process.on('SIGHUP', audit.reopen)`. */
  reopen(): Promise<void>;
  /** Writes what waits, and closes the file. What comes later is dropped. */
  close(): Promise<void>;
}

const retryMs = 1_000;
const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);

/** @throws SessionError `ERR_SESSION_OPTION`. Whether the file can be written shows with the first event. */
export function auditFile(options: AuditFileOptions): AuditFile {
  const given = takeOptions<AuditFileOptions>(options, ['path', 'maxBuffered'], 'auditFile()');
  if (given.path === undefined) throw optionError('auditFile(): path: expected where the log lies, got nothing.');
  const log = new Log(
    word(given.path, 'auditFile(): path'),
    wholeNumber(given.maxBuffered ?? 4 * 1024 * 1024, 'auditFile(): maxBuffered', 1_024, 1024 * 1024 * 1024),
  );
  return Object.assign((event: AuditEvent) => log.add(event), {
    reopen: () => log.reopen(),
    close: () => log.close(),
  });
}

class Log {
  readonly #path: string;
  readonly #maxBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #file: FileHandle | undefined;
  #work: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failing = false;
  #closed = false;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  add(event: AuditEvent): void {
    if (this.#closed) return;
    // JSON escapes line breaks, so no user agent can forge a line.
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    if (this.#waitingBytes + line.length > this.#maxBytes) this.#lost++;
    else this.#push(line);
    if (!this.#retry) this.#start();
  }

  async reopen(): Promise<void> {
    await this.#work;
    await this.#letGo();
    this.#start();
    await this.#work;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    await this.#work;
    this.#start();
    await this.#work;
    await this.#letGo();
  }

  #push(line: Buffer): void {
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
  }

  #start(): void {
    this.#work ??= this.#drain().finally(() => {
      this.#work = undefined;
    });
  }

  async #drain(): Promise<void> {
    try {
      this.#file ??= await open(this.#path, flags, 0o600);
      while (this.#waiting.length > 0 || this.#lost > 0) {
        if (this.#waiting.length === 0) this.#tellLost();
        await this.#writeOut(this.#file);
      }
      this.#failing = false;
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** One write for all that waits. What was written of it leaves the queue, also where the rest fails. */
  async #writeOut(file: FileHandle): Promise<void> {
    const lines = this.#waiting.length;
    const batch = Buffer.concat(this.#waiting);
    const { bytesWritten } = await file.write(batch);
    const rest = batch.subarray(bytesWritten);
    this.#waiting.splice(0, lines, ...(rest.length > 0 ? [rest] : []));
    this.#waitingBytes -= bytesWritten;
  }

  #tellLost(): void {
    const line = { time: new Date().toISOString(), action: 'audit-lost', count: this.#lost };
    this.#lost = 0;
    this.#push(Buffer.from(`${JSON.stringify(line)}\n`));
  }

  async #failed(error: unknown): Promise<void> {
    await this.#letGo();
    if (!this.#failing)
      process.emitWarning(
        `holdfast: the audit log ${this.#path} can't be written: ${String(error)}. It is tried again.`,
      );
    this.#failing = true;
    if (this.#closed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#start();
    }, retryMs);
    // An audit log that can't be written must not keep a process from ending.
    this.#retry.unref();
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }
}
