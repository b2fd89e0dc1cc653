/** One app, one script, twice: whatever an answer says, it says under express-session and under `session()`, but for what is listed. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SessionOptions } from '../../src/index.js';
import { type Difference, differencesOf } from './compare.js';
import { asMarkdown, listed } from './differences.js';
import { ourSide, type Shared, theirSide } from './sides.js';
import { traffic } from './traffic.js';

const configurations: readonly Shared[] = [{}, { unset: 'destroy', cookie: { maxAge: 3_600_000 } }];

async function compared(options: Shared, only: SessionOptions = {}): Promise<readonly Difference[]> {
  const [theirs, ours] = [await theirSide(options), await ourSide(options, only)];
  try {
    return differencesOf(await theirs.run(traffic), await ours.run(traffic));
  } finally {
    await theirs.close();
    await ours.close();
  }
}

const notListed = (differences: readonly Difference[]): string[] =>
  differences
    .filter((difference) => !listed.some((one) => one.is(difference)))
    .map(({ ask, field, theirs, ours }) => `${ask.who} ${ask.method} ${ask.path}: ${field}: ${theirs} / ${ours}`);

const notSeen = (differences: readonly Difference[]): string[] =>
  listed.filter((one) => !differences.some((difference) => one.is(difference))).map(({ name }) => name);

describe('the same traffic', () => {
  it('is more than 200 requests, of many kinds', () => {
    const asks = traffic.flatMap(({ asks, meanwhile }) => (meanwhile ? [...asks, meanwhile] : asks));
    expect(asks.length).toBeGreaterThan(200);
    expect(new Set(asks.map(({ method, path }) => `${method} ${path.split('/')[1]}`)).size).toBeGreaterThan(40);
    expect(new Set(asks.map(({ method }) => method))).toEqual(new Set(['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT']));
  });

  it('is answered alike but for what is listed, and all that is listed occurs', async () => {
    const all: Difference[] = [];
    for (const options of configurations) {
      const differences = await compared(options);
      expect(notListed(differences), JSON.stringify(options)).toEqual([]);
      all.push(...differences);
    }
    expect(notSeen(all)).toEqual([]);
  }, 360_000);

  it('shows a difference that is not listed, and one that is listed and gone', async () => {
    const differences = await compared({}, { maxDataBytes: 64, identityFields: [] });
    expect(notListed(differences)).not.toEqual([]);
    expect(notSeen(differences)).toContain('Another identity in a session gets a new token');
  });
});

describe('the page on moving', () => {
  it('has the list, word for word', () => {
    const page = readFileSync(new URL('../../docs/migrating/from-express-session.md', import.meta.url), 'utf8');
    expect(page).toContain(`## What changes on purpose, and why\n\n${asMarkdown()}\n`);
  });
});
