/**
 * Makes the MongoDB server of the tests, for machines without mongod: fetches the pinned jars of test/support/mongodb
 * with Maven, compares their checksums, compiles the few lines that start them, and writes a launcher beside them.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programs } from '../test/support/programs.js';

const source = fileURLToPath(new URL('../test/support/mongodb', import.meta.url));
const launcher = programs['mongodb-server'].made;

/** A JDK of 11 or later, and Maven. */
export const tools = ['java', 'javac', 'mvn'];

export const hasTools = (): boolean => tools.every((tool) => spawnSync(tool, ['--version']).status === 0);

/** True if the launcher is there now. Says on stderr what went wrong. */
export function makeMongodbServer(): boolean {
  const folder = dirname(launcher);
  // Built beside its place and moved there whole: an interrupted run leaves no half of it.
  const draft = `${folder}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const fetched = run('mvn', [
    ...['-q', '-B', '-C', '-f', join(source, 'pom.xml')],
    ...['dependency:copy-dependencies', `-DoutputDirectory=${join(draft, 'lib')}`],
  ]);
  if (!fetched || !checksumsHold(join(draft, 'lib'))) return false;
  const compiled = run('javac', [
    '-cp',
    join(draft, 'lib', '*'),
    '-d',
    join(draft, 'classes'),
    join(source, 'Server.java'),
  ]);
  if (!compiled) return false;
  // Small and quick to start, since each test file starts one.
  const java = `exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto`;
  const script = `#!/bin/sh\nhere=$(dirname "$0")\n${java} -cp "$here/classes:$here/lib/*" Server "$@"\n`;
  writeFileSync(join(draft, 'mongodb-server'), script, { mode: 0o755 });
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  return true;
}

function run(command: string, args: string[]): boolean {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) console.error(`${command} failed: ${error?.message ?? `${stdout}${stderr}`}`);
  return status === 0;
}

function checksumsHold(lib: string): boolean {
  const expected = readFileSync(join(source, 'jars.sha256'), 'utf8');
  const actual = readdirSync(lib)
    .sort()
    .map(
      (file) =>
        `${createHash('sha256')
          .update(readFileSync(join(lib, file)))
          .digest('hex')}  ${file}\n`,
    )
    .join('');
  if (actual !== expected) console.error(`the jars are not those of jars.sha256; these came:\n${actual}`);
  return actual === expected;
}
