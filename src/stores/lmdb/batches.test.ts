import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SessionError } from '../../core/errors.js';
import { Batches } from './batches.js';
import { openTables } from './open.js';

function scene() {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
  const { root, meta } = openTables(path);
  onTestFinished(async () => {
    await root.close();
    rmSync(path, { recursive: true });
  });
  const transactions: string[] = [];
  const batches = new Batches(root, (jobs) => {
    transactions.push('begin');
    jobs();
    transactions.push('end');
  });
  const put = (key: string) => () => meta.put(key, Buffer.from('x'));
  const stored = (key: string) => {
    root.resetReadTxn();
    return meta.get(key) !== undefined;
  };
  return { batches, put, stored, transactions };
}

it('changes that are asked for together share a transaction, and are there when they are acknowledged', async () => {
  const { batches, put, stored, transactions } = scene();
  const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => batches.run(put(key)).then(() => expect(stored(key)).toBe(true))));
  expect(transactions).toEqual(['begin', 'end']);
});

it('a write that fails half-way undoes the whole transaction, and everybody in it hears of it', async () => {
  const { batches, put, stored } = scene();
  const bystander = batches.run(put('bystander'));
  const failing = batches.run(() => {
    put('half')();
    throw new Error('the disk broke');
  });
  const outcomes = await Promise.allSettled([bystander, failing]);
  for (const outcome of outcomes) {
    const { reason } = outcome as PromiseRejectedResult;
    expect(reason).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE', outcome: 'unknown' });
    expect(String(reason)).toContain('the disk broke');
  }
  expect([stored('bystander'), stored('half')]).toEqual([false, false]);
  await batches.run(put('next'));
  expect(stored('next')).toBe(true);
  expect(await batches.settled()).toBe(true);
});

it('a change that refuses before it writes is refused alone', async () => {
  const { batches, put, stored } = scene();
  const refusal = new SessionError('ERR_SESSION_STORE_FULL', 'full', { outcome: 'not-applied' });
  const refusing = batches.run(() => {
    throw refusal;
  });
  const outcomes = await Promise.allSettled([batches.run(put('before')), refusing, batches.run(put('after'))]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(outcomes[1]).toHaveProperty('reason', refusal);
  expect([stored('before'), stored('after')]).toEqual([true, true]);
});
