/** Opens the folder and its tables, or says what is wrong with it and what to do. */
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { SessionError } from '../../core/errors.js';

/** Raised when the layout of keys or values changes so that an older release would misread it. */
const format = 1;

/** What an LMDB file has behind the head of its first page, in either of the two data formats; and its first two pages. */
const magic = 0xbeefc0de;
const magicAt = [16, 24];
const smallest = 8_192;

export interface Tables {
  readonly root: RootDatabase<Buffer, string>;
  /** id -> record or marker (layout.ts). */
  readonly sessions: Database<Buffer, string>;
  /** [owner, serial] -> id. */
  readonly owners: Database<Buffer, [string, number]>;
  /** owner -> ended at, keep until, indexed at: three doubles. */
  readonly marks: Database<Buffer, string>;
  /** [moment, 's' or 'm', id or owner] -> nothing. */
  readonly expiry: Database<Buffer, [number, string, string]>;
  /** 'format', 'counters' (serial, bytes), 'sweeper' (holder, until). */
  readonly meta: Database<Buffer, string>;
}

export function openTables(path: string): Tables {
  prepareFolder(path);
  checkFile(path);
  try {
    const root = open<Buffer, string>({
      path,
      // Else a folder with a dot in its name would be taken for a file.
      noSubdir: false,
      encoding: 'binary',
      maxDbs: 8,
      maxReaders: 1024,
      // The store makes its own batches; and with this on, a failed commit rejects a promise that nobody holds.
      eventTurnBatching: false,
    });
    const table = <Key extends string | (string | number)[]>(name: string) =>
      root.openDB<Buffer, Key>({ name, encoding: 'binary' });
    const tables: Tables = {
      root,
      sessions: table('sessions'),
      owners: table('owners'),
      marks: table('marks'),
      expiry: table('expiry'),
      meta: table('meta'),
    };
    checkFormat(tables.meta, path);
    return tables;
  } catch (error) {
    if (error instanceof SessionError) throw error;
    throw unusable(path, 'could not be opened', 'See the cause; to start afresh, move the folder away.', error);
  }
}

function prepareFolder(path: string): void {
  try {
    // 0700: payloads are sealed, yet whoever can write here can end everybody's session.
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const file of ['data.mdb', 'lock.mdb']) {
      if (statSync(join(path, file), { throwIfNoEntry: false })) {
        accessSync(join(path, file), constants.R_OK | constants.W_OK);
      }
    }
  } catch (error) {
    const remedy = 'Give a folder that this process may create or write, on a local disk.';
    throw unusable(path, 'is not a folder that can be written', remedy, error);
  }
}

/** Opening what is not an LMDB file crashes the whole process, where no catch can reach: look at its head first. */
function checkFile(path: string): void {
  const file = join(path, 'data.mdb');
  if (!statSync(file, { throwIfNoEntry: false })?.size) return;
  const head = Buffer.alloc(smallest);
  const descriptor = openSync(file, 'r');
  try {
    // Another process may be writing the head at this moment: look again for a little while.
    for (let attempt = 0; attempt < 20; attempt++) {
      const length = readSync(descriptor, head, 0, head.length, 0);
      if (length === smallest && magicAt.some((offset) => head.readUInt32LE(offset) === magic)) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  } finally {
    closeSync(descriptor);
  }
  throw unusable(
    path,
    'has a data.mdb that is not an LMDB database, or a damaged one',
    'Restore it from a backup, or move it away to start empty.',
  );
}

function checkFormat(meta: Tables['meta'], path: string): void {
  const found = meta.get('format');
  if (found === undefined) meta.putSync('format', Buffer.from([format]));
  else if (found[0] !== format) {
    throw unusable(
      path,
      `has the format ${found[0]}, and this release knows ${format}`,
      'Run the release that wrote it, or give another folder.',
    );
  }
}

function unusable(path: string, what: string, remedy: string, cause?: unknown): SessionError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new SessionError('ERR_SESSION_STORE_UNAVAILABLE', `lmdbStore: path '${path}' ${what}${why}. ${remedy}`, {
    cause,
    outcome: 'not-applied',
  });
}
