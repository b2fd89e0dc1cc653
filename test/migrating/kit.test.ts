import { randomUUID } from 'node:crypto';
import { describe, test } from 'vitest';
import { type Subject, storeConformance } from '../../src/stores/conformance/index.js';
import { binary, servers } from '../redis/kit.js';
import { lmdb, memory, redis, seeded, subject, without } from './pairs.js';

const skip = (_: string, reason: string, context: unknown): void =>
  (context as { skip(note: string): void }).skip(reason);

function conforms(makeStore: () => Promise<Subject>, only = (_: string): boolean => true, sequences = 200): void {
  storeConformance({ test: (title, run) => only(title) && test(title, run), makeStore, skip, sequences });
}

describe('everybody moves: memory to memory', () => {
  conforms(() => subject(memory(), memory(), 'move', 'move'));
});

describe('everybody moves: memory to lmdb', () => {
  conforms(() => subject(memory(), lmdb(), 'move', 'move'), undefined, 8);
});

describe('everybody prepares: memory to memory', () => {
  conforms(() => subject(memory(), memory(), 'prepare', 'prepare'));
});

describe('each session begins in the old store: memory to memory', () => {
  conforms(() => seeded(memory(), memory()));
});

describe.runIf(binary)('with a server', () => {
  const { all } = servers('standalone');
  const server = () => redis(all[0]?.port ?? 0, `${randomUUID()}:`);
  describe('everybody moves: lmdb to redis', () => {
    conforms(() => subject(lmdb(), server(), 'move', 'move'), undefined, 8);
  });
  describe('each session begins in the old store: lmdb to redis', () => {
    conforms(() => seeded(lmdb(), server()), undefined, 8);
  });
});

/**
 * What that time does not keep: two processes that make the same id at the same moment (no two processes do), and a
 * touch in one that crosses a move by the other.
 */
const notThen = /of creations of one id|sequences: (two|three)|many touches at the same time/;

describe('one process still prepares while another moves, without owners', () => {
  conforms(
    async () => {
      const kit = await subject(memory(), memory(), 'prepare', 'move');
      const hide = (store: Subject['store']) => without(store, 'listByOwner', 'endByOwner', 'sweep');
      return { ...kit, store: hide(kit.store), reopen: async () => hide((await kit.reopen?.()) ?? kit.store) };
    },
    (title) => !notThen.test(title),
  );
});
