import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type About, reasonOf } from '../../bench/about.js';
import { cases } from '../../bench/cases.js';
import { chart } from '../../bench/chart.js';
import { configurations } from '../../bench/configurations/index.js';
import { resultLine } from '../../bench/load.js';
import { short, table } from '../../bench/markdown.js';
import { chosenConfigurations } from '../../bench/part.js';
import type { parts } from '../../bench/parts/index.js';
import { tablePart } from '../../bench/parts/table.js';
import { commandsOf, goalLines } from '../../bench/parts/table-report.js';
import { lines, page } from '../../bench/results.js';
import type { Outcome, Sample } from '../../bench/rounds.js';
import { dataOf, usualBytes, zipfDraws } from '../../bench/sessions.js';
import { comparedInRounds, orderOf, percentileOf, spreadOf, withBase } from '../../bench/statistics.js';
import { grown } from '../../bench/traffic.js';

const sample = (configuration: string, round: number, perSecond: number, cpuUs = 100): Sample => ({
  ...{ configuration, round, perSecond, cpuUs, p50Ms: 1, p99Ms: 2, rssMb: 100, sent: 0, received: 0 },
});

describe('a ratio', () => {
  const ratio = (samples: Sample[], name: string) =>
    comparedInRounds(
      samples,
      name,
      'none',
      ({ perSecond }) => perSecond,
      (value, base) => value / base,
    );

  test('is taken within a round, so that a machine that slows down between rounds does not change it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 9 }), (speeds) => {
        const samples = speeds.flatMap((speed, round) => [
          sample('none', round, speed),
          sample('one', round, speed / 2),
        ]);
        expect(ratio(samples, 'one')).toEqual({ median: 0.5, min: 0.5, max: 0.5 });
      }),
    );
  });

  test('has the mean of the base below its line where a round measured it twice', () => {
    expect(ratio([sample('none', 0, 90), sample('one', 0, 50), sample('none', 0, 110)], 'one').median).toBe(0.5);
  });

  test('leaves out a round that has no base', () => {
    expect(ratio([sample('one', 0, 50), sample('none', 1, 100), sample('one', 1, 80)], 'one')).toEqual({
      ...{ median: 0.8, min: 0.8, max: 0.8 },
    });
    expect(ratio([sample('one', 0, 50)], 'one').median).toBeNaN();
  });
});

test('a median lies in the middle, whatever the order and however many there are', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([10, 4, 1, 2]).median).toBe(3);
});

test('a percentile is a value that was measured, and at least that share of the values is not above it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1, maxLength: 500 }),
      fc.constantFrom(0.5, 0.99, 0.999, 1),
      (values, share) => {
        const sorted = [...values].sort((a, b) => a - b);
        const found = percentileOf(sorted, share);
        expect(sorted).toContain(found);
        expect(sorted.filter((value) => value <= found).length / sorted.length).toBeGreaterThanOrEqual(share);
        expect(sorted.filter((value) => value < found).length / sorted.length).toBeLessThan(share);
      },
    ),
  );
});

test('a load at a fixed rate gets every answer from a server that closes connections under its requests', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-paced-'));
  const answeredOn = new WeakSet<object>();
  let answers = 0;
  let cut = 0;
  // What an idle connection meets after five seconds: it is closed in the moment in which the next request arrives.
  const server = createServer((req, res) => {
    if (answeredOn.has(req.socket)) {
      cut++;
      return void req.socket.resetAndDestroy();
    }
    answeredOn.add(req.socket);
    answers++;
    res.setHeader('Content-Length', 2);
    res.end('ok');
  }).listen(0, '127.0.0.1');
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    const file = join(folder, 'requests.json');
    writeFileSync(file, JSON.stringify({ method: 'GET', path: '/', headers: {}, cookies: [], draws: [0] }));
    const { port } = server.address() as AddressInfo;
    const args = ['--import', 'tsx', 'bench/paced.ts', String(port), file, '0.5', '600', '60000'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(resultLine(stdout)).toMatchObject({ due: 300, answered: 300, bad: 0, broken: 0 });
    expect(answers).toBe(300);
    expect(cut).toBeGreaterThan(0);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('the order of a round', () => {
  const items = ['a', 'b', 'c', 'd', 'e'];

  test('has every row once, and the base first and in the middle', () => {
    for (let round = 0; round < 20; round++) {
      expect(orderOf(items, round).toSorted()).toEqual(items);
      const order = withBase('none', items, round);
      expect(order.filter((item) => item !== 'none').toSorted()).toEqual(items);
      expect([order[0], order.lastIndexOf('none')]).toEqual(['none', 3]);
    }
  });

  test('changes, so that every row comes first at some time', () => {
    const firsts = Array.from({ length: 10 }, (_, round) => orderOf(items, round)[0]);
    expect([...new Set(firsts)].toSorted()).toEqual(items);
  });
});

describe('the rows', () => {
  test('have names of their own, and each is compared with one that has no sessions', () => {
    const names = configurations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, sessionless, base = 'none' } of configurations) {
      const below = configurations.find((one) => one.name === (sessionless ? name : base));
      expect(below?.sessionless).toBe(true);
    }
  });

  test('that are asked for bring along what they are compared with', () => {
    const names = (only: string) => chosenConfigurations(only).map(({ name }) => name);
    expect(names('holdfast-redis')).toEqual(['none', 'holdfast-redis']);
    expect(names('fastify-session-redis')).toEqual(['none', 'fastify-none', 'fastify-session-redis']);
    expect(() => names('holdfast-disk')).toThrow(/no 'holdfast-disk'.*holdfast-redis/);
  });
});

test('a record has about the bytes that were asked for, and the fields that the app reads', () => {
  for (const bytes of [usualBytes, 10_000, 100_000]) {
    const data = dataOf(1_234, bytes);
    expect(JSON.stringify(data).length / bytes).toBeGreaterThan(0.85);
    expect(JSON.stringify(data).length / bytes).toBeLessThan(1.35);
    expect(data.profile.plan).toBe('plan-01234');
  }
  expect(JSON.stringify(dataOf(1, 200)).length).toBeLessThan(200);
});

test('requests name every kind of session, the first ones most, and the same on every run', () => {
  const draws = zipfDraws(100, 10_000);
  expect(draws).toEqual(zipfDraws(100, 10_000));
  expect(Math.min(...draws)).toBe(0);
  expect(Math.max(...draws)).toBe(99);
  const count = (n: number) => draws.filter((draw) => draw === n).length;
  expect(count(0)).toBeGreaterThan(count(10));
  expect(count(10)).toBeGreaterThan(0);
});

test("a request's commands are what grew meanwhile", () => {
  expect(grown({ get: 10, set: 5 }, { get: 30, set: 5, expire: 2 })).toEqual({ get: 20, expire: 2 });
  const of = (get: number) => ({ ...sample('one', 0, 1), commands: { get, expire: 0.001 } });
  expect(commandsOf([of(1), of(1.002), of(1)])).toBe('get 1');
  expect(commandsOf([sample('one', 0, 1)])).toBe('-');
});

describe('the report', () => {
  const read = cases[0];
  if (!read) throw new Error('there are cases');
  const outcome = (perSecond: number, cpuUs: number): Outcome => ({
    asked: read,
    samples: [sample('none', 0, 1_000, 100), sample('holdfast-redis', 0, perSecond, cpuUs)],
  });

  test('says of each goal whether it was met', () => {
    expect(goalLines([outcome(950, 110)]).join('\n')).toMatch(/0\.95, met[\s\S]*: 10, met/);
    expect(goalLines([outcome(500, 300)]).join('\n')).toMatch(/0\.50, MISSED[\s\S]*: 200, MISSED/);
  });

  test('is made again from what was kept, samples, failures and all', () => {
    const data = {
      failures: [{ configuration: 'holdfast-lmdb', why: 'it did not start' }],
      cases: [{ name: 'read', samples: outcome(900, 120).samples }],
    };
    const kept = JSON.parse(lines(data));
    expect(kept).toEqual(data);
    const about: About = {
      ...{ command: 'npm run bench', date: '2026-01-02T03:04:05.000Z', machine: '2 cores', versions: ['Node 20'] },
      ...{ busy: 0.1, cores: 2, rounds: 7, seconds: 2, sessions: 10_000, generator: 'wrk' },
    };
    const text = page([{ part: tablePart as (typeof parts)[number], about, data: kept }]);
    expect(text).toContain('Quiet machine');
    expect(text).toMatch(/\| holdfast, Redis +\| +0\.90 \(0\.90-0\.90\)/);
    expect(text).toContain('LEFT OUT: holdfast-lmdb: it did not start');
  });

  test('keeps of a failure one line, and no path of the machine', () => {
    const said = reasonOf(
      new Error('POST /begin/4 answered 503: at file:///srv/app/dist/index.js:1:2 in /srv/app/x\n  stack'),
    );
    expect(said).toBe('POST ... answered 503: at ...:1:2 in ...');
    expect(reasonOf('3 of 4 answers')).toBe('3 of 4 answers');
  });

  test('warns of a busy machine', () => {
    const about: About = {
      ...{ command: 'npm run bench', date: '2026-01-02T03:04:05.000Z', machine: '2 cores', versions: [] },
      ...{ busy: 3, cores: 2, rounds: 1, seconds: 1, sessions: 10, generator: 'wrk' },
    };
    expect(page([{ part: tablePart as (typeof parts)[number], about, data: { failures: [], cases: [] } }])).toContain(
      'BUSY',
    );
  });

  test('has tables whose lines are of one length, and figures of two digits', () => {
    const drawn = table([
      ['a', 'long head'],
      ['a long cell', '1'],
    ]).split('\n');
    expect(new Set(drawn.map(({ length }) => length)).size).toBe(1);
    expect([0.123, 1.23, 123.4, Number.NaN].map(short)).toEqual(['0.12', '1.2', '123', '-']);
  });

  test('draws a bar as long as its ratio, and text as text', () => {
    const svg = chart('R & <D>', [
      { title: 'one', ratio: 1, ours: false },
      { title: 'half', ratio: 0.5, ours: true },
    ]);
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect((widths[1] ?? 0) / (widths[0] ?? 1)).toBeCloseTo(0.5, 2);
    expect(svg).toContain('R &amp; &lt;D>');
  });
});
