import { test } from 'vitest';
import { storeConformance } from './conformance/index.js';
import { memoryStore } from './memory.js';

storeConformance({
  test,
  makeStore: () => ({ store: memoryStore() }),
  skip: (_, reason, context) => (context as { skip(note: string): void }).skip(reason),
});
