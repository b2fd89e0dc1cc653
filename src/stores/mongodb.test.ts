import { describe, test } from 'vitest';
import { opener } from '../../test/mongodb/kit.js';
import { mongodb } from '../../test/support/mongodb-server.js';
import { storeConformance } from './conformance/index.js';

describe.runIf(mongodb)('over the wire', () => {
  const open = opener();
  storeConformance({
    // The random sequences take some ten thousand commands.
    test: (title, run) => test(title, run, 120_000),
    async makeStore() {
      const { store, second, beforeCommand, drop } = await open();
      return { store, reopen: () => second, beforeCommand, close: async () => void (await drop()) };
    },
    skip: (_, reason, context) => (context as { skip(note: string): void }).skip(reason),
    sequences: 30,
  });
});
