/**
 * Keeps package-lock.json complete and free of addresses. Prevents: `npm ci` refusing to start on somebody else's
 * machine. npm leaves an optional package out of the lock when the registry at hand does not carry it (typically the
 * binaries of other platforms), and then calls the lock out of step everywhere.
 *
 *   node --import tsx scripts/lock.ts           fails when something is missing
 *   node --import tsx scripts/lock.ts --write   adds what is missing
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, isMain, readJson, rootFromArguments } from './support.js';

interface Entry {
  version?: string;
  resolved?: string;
  dev?: boolean;
  peer?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, Entry>;
}

const systems = ['linux', 'darwin', 'win32', 'android', 'freebsd', 'openharmony', 'openbsd', 'netbsd', 'sunos', 'aix'];
const processors = ['x64', 'arm64', 'arm', 'ia32', 'riscv64', 'ppc64', 's390x', 'loong64', 'mips64el', 'wasm32'];

/** What a platform package is for, read from its name, as every package of this kind spells it. */
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[/-]/);
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : words.includes('gnu') ? 'glibc' : undefined;
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }) };
}

/** Node's own look-up: nested first, then every folder above. */
function isLocked(lock: Lock, from: string, name: string): boolean {
  for (let at = from; ; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    if (lock.packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

export function missingFromLock(lock: Lock): { from: string; name: string; range: string }[] {
  return Object.entries(lock.packages).flatMap(([from, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !isLocked(lock, from, name))
      .map(([name, range]) => ({ from, name, range })),
  );
}

export function addressesIn(lock: Lock): string[] {
  return Object.entries(lock.packages).flatMap(([path, entry]) => (entry.resolved ? [path] : []));
}

export function complete(lock: Lock): void {
  for (const { from, name, range } of missingFromLock(lock)) {
    if (!/^\d+\.\d+\.\d+$/.test(range)) throw new Error(`${from} wants ${name}@${range}: not one exact version`);
    const parent = lock.packages[from];
    lock.packages[`node_modules/${name}`] = {
      version: range,
      ...platformOf(name),
      ...(parent?.dev && { dev: true }),
      ...(parent?.peer && { peer: true }),
      optional: true,
    };
  }
  for (const path of addressesIn(lock)) delete lock.packages[path]?.resolved;
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
}

if (isMain(import.meta.url)) {
  const path = join(rootFromArguments(), 'package-lock.json');
  const lock: Lock = readJson(path);
  if (process.argv.includes('--write')) {
    complete(lock);
    const text = `${JSON.stringify(lock, null, 2)}\n`;
    if (text !== readFileSync(path, 'utf8')) writeFileSync(path, text);
  }
  fail('lock', [
    ...missingFromLock(lock).map(
      ({ from, name, range }) =>
        `${name}@${range}, wanted by ${from}, is not in package-lock.json; add it with npm run lock`,
    ),
    ...addressesIn(lock).map((at) => `${at} names the registry that it came from; remove it with npm run lock`),
  ]);
}
