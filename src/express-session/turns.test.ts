import { expect, it } from 'vitest';
import type { SessionId } from '../core/ids.js';
import { Turns } from './turns.js';

const id = 'a' as SessionId;

it('calls of one session run one after the other, also after one that failed; those of others do not wait', async () => {
  const turns = new Turns();
  const order: string[] = [];
  let go: () => void = () => undefined;
  const first = turns.take(id, async () => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    order.push('first');
    throw new Error('refused');
  });
  const second = turns.take(id, async () => void order.push('second'));
  await turns.take('b' as SessionId, async () => void order.push('another'));
  go();
  await expect(first).rejects.toThrow('refused');
  await second;
  expect(order).toEqual(['another', 'first', 'second']);
});

it('nothing is kept of a session when its calls are done', async () => {
  const turns = new Turns();
  await Promise.allSettled([
    turns.take(id, async () => undefined),
    turns.take(id, async () => Promise.reject(new Error('refused'))),
    turns.take('b' as SessionId, async () => undefined),
  ]);
  expect(turns.size).toBe(0);
});
