/** Start-up and size: what importing costs, until the first answer, and what is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleBytes } from '../../scripts/check-bundle.js';
import { short, table } from '../markdown.js';
import type { Part } from '../part.js';
import { bench, repository } from '../prepare.js';
import { medianOf, orderOf } from '../statistics.js';

interface StartUpData {
  readonly imports: readonly {
    readonly name: string;
    readonly ms: readonly number[];
    /** Of CPU: on a machine with other work the waiting for it is no part of this. */
    readonly cpuMs?: readonly number[];
    /** Of JavaScript that is ours, minified, and what an option or a call loads besides; absent for others' packages. */
    readonly bytes?: number;
    readonly later?: number;
  }[];
  readonly first: readonly { readonly name: string; readonly ms: readonly number[] }[];
  readonly installed: { readonly files: number; readonly bytes: number; readonly packed: number };
}

interface Manifest {
  readonly exports: Record<string, string | { readonly import?: { readonly default?: string } }>;
}

/** Of others: for comparison, and as what a store's own import is measured on top of. */
const others = ['express', 'express-session', 'lmdb', 'redis', 'pg', 'mongodb', 'better-auth'];

function entries(): { name: string; file: string }[] {
  const { exports }: Manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  return Object.entries(exports).flatMap(([subpath, target]) => {
    const file = typeof target === 'string' ? undefined : target.import?.default;
    return file === undefined ? [] : [{ name: `holdfast${subpath.slice(1)}`, file: normalize(file) }];
  });
}

/** What the app of a first answer imports and mounts. */
const apps: readonly { name: string; mount(folder: string): string }[] = [
  { name: 'Express, no session', mount: () => '' },
  {
    name: 'express-session + MemoryStore',
    mount: () => `const { default: session } = await import('express-session');
      app.use(session({ secret: 'x'.repeat(40), resave: false, saveUninitialized: false }));`,
  },
  {
    name: 'holdfast, memory',
    mount: () => `const { session, memoryStore } = await import('${built('.')}');
      app.use(session({ secret: '${secret}', store: memoryStore() }));`,
  },
  {
    name: 'holdfast, lmdb',
    mount: (folder) => `const { session } = await import('${built('.')}');
      const { lmdbStore } = await import('${built('./stores/lmdb')}');
      app.use(session({ secret: '${secret}', store: lmdbStore({ path: '${folder}' }) }));`,
  },
];

const secret = randomBytes(32).toString('base64url');
const built = (subpath: string): string => {
  const name = `holdfast${subpath.slice(1)}`;
  return pathToFileURL(join(repository, entries().find((entry) => entry.name === name)?.file ?? '')).href;
};

/** In a process of its own, by its own clock: what Node takes to start is not in it. */
async function importMs(specifier: string): Promise<{ ms: number; cpuMs: number }> {
  const [ms = Number.NaN, cpuMs = Number.NaN] = await printedBy(
    specifier,
    `const begun = performance.now(); const used = process.cpuUsage();
    await import(${JSON.stringify(specifier)});
    const { user, system } = process.cpuUsage(used);
    console.log(performance.now() - begun, (user + system) / 1000); process.exit();`,
  );
  return { ms, cpuMs };
}

/** From the start of the process, Node's own part included, until the answer to a request that begins a session. */
async function firstAnswerMs({ name, mount }: (typeof apps)[number]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    const [ms = Number.NaN] = await printedBy(
      name,
      `import { get } from 'node:http';
      import express from 'express';
      const app = express();
      ${mount(folder)}
      app.get('/', (req, res) => {
        if (req.session) req.session.views = 1;
        res.json({});
      });
      const server = app.listen(0, '127.0.0.1', () =>
        get({ host: '127.0.0.1', port: server.address().port }, (res) => {
          const begun = res.statusCode === 200 && (${name === 'Express, no session'} || 'set-cookie' in res.headers);
          res.resume().on('end', () => { console.log(begun ? performance.now() : NaN); process.exit(begun ? 0 : 1); });
        }));`,
    );
    return ms;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The numbers that a script prints. */
function printedBy(what: string, script: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: bench,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'development' },
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(printed.split(' ').map(Number));
      else reject(new Error(`${what}: failed`));
    });
  });
}

async function weightOf(file: string): Promise<{ bytes: number; later: number }> {
  const { bytes, later } = await bundleBytes(repository, file);
  return { bytes, later };
}

function installed(): StartUpData['installed'] {
  const { stdout, status } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 16 * 2 ** 20,
  });
  if (status !== 0) throw new Error('npm pack --dry-run failed.');
  const parsed: unknown = JSON.parse(stdout);
  const [packed] = Object.values(parsed as object) as { entryCount: number; unpackedSize: number; size: number }[];
  if (packed === undefined) throw new Error('npm pack --dry-run named no package.');
  return { files: packed.entryCount, bytes: packed.unpackedSize, packed: packed.size };
}

export const startUpPart: Part<StartUpData> = {
  name: 'start-up',
  title: 'Start-up and size',
  defaults: { rounds: 7, seconds: 1, sessions: 1 },
  estimate: ({ rounds }) => 10 + rounds * ((entries().length + others.length) * 0.15 + apps.length * 0.3),
  packages: () => ['holdfast', ...others],
  async run({ rounds }, { say }) {
    const own = entries().map(({ name, file }) => ({
      name,
      file,
      specifier: pathToFileURL(join(repository, file)).href,
    }));
    const imported = [...own, ...others.map((name) => ({ name, file: undefined, specifier: name }))];
    const times = new Map(imported.map(({ name }) => [name, { ms: [] as number[], cpuMs: [] as number[] }]));
    const firsts = new Map(apps.map(({ name }) => [name, [] as number[]]));
    for (let round = 0; round < rounds; round++) {
      for (const { name, specifier } of orderOf(imported, round)) {
        const { ms, cpuMs } = await importMs(specifier);
        times.get(name)?.ms.push(ms);
        times.get(name)?.cpuMs.push(cpuMs);
      }
      for (const one of orderOf(apps, round)) firsts.get(one.name)?.push(await firstAnswerMs(one));
      say(`round ${round + 1} of ${rounds}`);
    }
    const sized = imported.map(async ({ name, file }) => ({
      name,
      ...(times.get(name) ?? { ms: [], cpuMs: [] }),
      ...(file !== undefined && (await weightOf(file))),
    }));
    return {
      imports: await Promise.all(sized),
      first: [...firsts].map(([name, ms]) => ({ name, ms })),
      installed: installed(),
    };
  },
  markdown: ({ imports, first, installed: { files, bytes, packed } }) => {
    const rows = imports.map(({ name, ms, cpuMs, bytes: size, later }) => [
      name,
      short(medianOf(ms)),
      short(Math.min(...ms)),
      cpuMs === undefined ? '-' : short(medianOf(cpuMs)),
      cpuMs === undefined ? '-' : short(Math.min(...cpuMs)),
      size === undefined ? '-' : String(size),
      later === undefined ? '-' : String(later),
    ]);
    const starts = first.map(({ name, ms }) => [name, short(medianOf(ms)), short(Math.min(...ms))]);
    const whole = imports.find(({ name }) => name === 'holdfast');
    const goal =
      whole?.bytes === undefined
        ? ''
        : `Goals: import of holdfast under 30 ms: ${short(medianOf(whole.ms))}${whole.cpuMs ? ` (${short(medianOf(whole.cpuMs))} of CPU)` : ''}, ${medianOf(whole.ms) < 30 ? 'met' : 'MISSED'}; under 60,000 bytes minified: ${whole.bytes}, ${whole.bytes < 60_000 ? 'met' : 'MISSED'}.\n\n`;
    return `${table([['import', 'ms', 'best ms', 'ms of CPU', 'best', 'bytes, minified', 'more later'], ...rows])}

${goal}Each import in a fresh process, without what Node itself takes to start. The bytes are of our own JavaScript that the import reaches; what an option or a call loads is more later. Clients such as redis are the app's. The stores' rows include what they share with \`holdfast\`.

${table([['from the start of the process to the first answer', 'ms', 'best ms'], ...starts])}

The installed package: ${files} files, ${Math.round(bytes / 1_000)} KB (${Math.round(packed / 1_000)} KB packed), no dependencies.
`;
  },
};
