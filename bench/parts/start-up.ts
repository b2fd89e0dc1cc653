/** Start-up and size: what importing costs, until the first answer, and what is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { configurations } from '../configurations/index.js';
import { short, table } from '../markdown.js';
import { chosenConfigurations, type Part, packagesOf } from '../part.js';
import { bench, repository } from '../prepare.js';
import { Visitor } from '../proof.js';
import { Served } from '../served.js';
import { medianOf, orderOf } from '../statistics.js';

interface StartUpData {
  readonly imports: readonly {
    readonly name: string;
    readonly ms: readonly number[];
    /** Of JavaScript that is ours, minified; absent for others' packages. */
    readonly bytes?: number;
  }[];
  readonly first: readonly { readonly configuration: string; readonly ms: readonly number[] }[];
  readonly installed: { readonly files: number; readonly bytes: number; readonly packed: number };
}

interface Manifest {
  readonly exports: Record<string, string | { readonly import?: { readonly default?: string } }>;
}

const usual = ['express-session-memory', 'holdfast-memory', 'holdfast-lmdb'];
/** Of others: for comparison, and as what a store's own import is measured on top of. */
const others = ['express', 'express-session', 'lmdb', 'redis', 'pg', 'mongodb', 'better-auth'];

function entries(): { name: string; file: string }[] {
  const { exports }: Manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  return Object.entries(exports).flatMap(([subpath, target]) => {
    const file = typeof target === 'string' ? undefined : target.import?.default;
    return file === undefined ? [] : [{ name: `holdfast${subpath.slice(1)}`, file: join(repository, file) }];
  });
}

/** In a process of its own, by its own clock: what Node takes to start is not in it. */
function importMs(specifier: string): Promise<number> {
  const script = `const begun = performance.now(); await import(${JSON.stringify(specifier)}); console.log(performance.now() - begun); process.exit();`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: bench,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(Number(printed));
      else reject(new Error(`importing ${specifier} failed`));
    });
  });
}

async function minified(file: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return outputFiles.reduce((bytes, { contents }) => bytes + contents.byteLength, 0);
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
  estimate: ({ rounds, only }) =>
    10 + rounds * ((entries().length + others.length) * 0.15 + chosenConfigurations(only, usual).length * 0.6),
  packages: ({ only }) => packagesOf(chosenConfigurations(only, usual)),
  async run({ rounds, only }, { serverFile, say }) {
    const own = entries().map(({ name, file }) => ({ name, file, specifier: pathToFileURL(file).href }));
    const imported = [...own, ...others.map((name) => ({ name, file: undefined, specifier: name }))];
    const times = new Map(imported.map(({ name }) => [name, [] as number[]]));
    const rows = chosenConfigurations(only, usual);
    const firsts = new Map(rows.map(({ name }) => [name, [] as number[]]));
    for (let round = 0; round < rounds; round++) {
      for (const { name, specifier } of orderOf(imported, round)) times.get(name)?.push(await importMs(specifier));
      for (const one of orderOf(rows, round)) firsts.get(one.name)?.push(await firstAnswerMs(one.name, serverFile));
      say(`round ${round + 1} of ${rounds}`);
    }
    const sized = imported.map(async ({ name, file }) => ({
      name,
      ms: times.get(name) ?? [],
      ...(file !== undefined && { bytes: await minified(file) }),
    }));
    return {
      imports: await Promise.all(sized),
      first: [...firsts].map(([configuration, ms]) => ({ configuration, ms })),
      installed: installed(),
    };
  },
  markdown: ({ imports, first, installed: { files, bytes, packed } }) => {
    const rows = imports.map(({ name, ms, bytes: size }) => [
      name,
      short(medianOf(ms)),
      short(Math.min(...ms)),
      size === undefined ? '-' : String(size),
    ]);
    const starts = first.map(({ configuration, ms }) => [
      configurations.find(({ name }) => name === configuration)?.title ?? configuration,
      short(medianOf(ms)),
      short(Math.min(...ms)),
    ]);
    const whole = imports.find(({ name }) => name === 'holdfast');
    const goal =
      whole?.bytes === undefined
        ? ''
        : `Goals: import of holdfast under 30 ms: ${short(medianOf(whole.ms))}, ${medianOf(whole.ms) < 30 ? 'met' : 'MISSED'}; under 60,000 bytes minified: ${whole.bytes}, ${whole.bytes < 60_000 ? 'met' : 'MISSED'}.\n\n`;
    return `${table([['import', 'ms', 'best ms', 'bytes, minified'], ...rows])}

${goal}Each import in a fresh process, without what Node itself takes to start. The bytes are of our own JavaScript, all that the import reaches; clients such as redis are the app's. The stores' rows include what they share with \`holdfast\`.

${table([['from the start of the process to the first answer', 'ms', 'best ms'], ...starts])}

The installed package: ${files} files, ${Math.round(bytes / 1_000)} KB (${Math.round(packed / 1_000)} KB packed), no dependencies.
`;
  },
};

/** The first request begins a session, which is the slow one: every path of it runs for the first time. */
async function firstAnswerMs(name: string, serverFile: string): Promise<number> {
  const configuration = configurations.find((one) => one.name === name);
  if (!configuration) throw new Error(`There is no configuration '${name}'.`);
  const begun = performance.now();
  const served = await Served.start(configuration, serverFile);
  const visitor = new Visitor(served.port);
  try {
    await visitor.ask('POST', '/begin/0');
    return performance.now() - begun;
  } finally {
    visitor.close();
    await served.close();
  }
}
