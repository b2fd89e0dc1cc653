/** Jest loads CJS into a realm of its own, where `instanceof Uint8Array` and `instanceof Error` say no to what Node made. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { consumer, repository } from './consumer.js';
import { visit, visited } from './scenario.js';

test('an app keeps its sessions under Jest, with its default settings', () => {
  const { node, folder } = consumer(
    {
      'app.test.js': `const express = require('express');
        const { memoryStore, session, SessionError } = require('holdfast');
        ${visit('memoryStore()')}
        test('sessions', async () => expect(await visit()).toBe('${visited}'));
        test('errors', () => expect(() => session({ secret: 'short' })).toThrow(SessionError));`,
    },
    ['express'],
  );
  const jest = join(repository, 'node_modules', 'jest', 'bin', 'jest.js');
  const { status, stderr } = node(jest, '--rootDir', folder);
  expect(stderr).toContain('2 passed');
  expect(status).toBe(0);
});
