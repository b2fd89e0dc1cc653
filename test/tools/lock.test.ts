import { expect, test } from 'vitest';
import { addressesIn, complete, missingFromLock } from '../../scripts/lock.js';
import { run, tree } from './broken.js';

const broken = () => ({
  packages: {
    '': {},
    'node_modules/tool': {
      version: '1.0.0',
      dev: true,
      optionalDependencies: { '@tool/linux-x64-musl': '1.0.0', '@tool/darwin-arm64': '1.0.0' },
    },
    'node_modules/@tool/darwin-arm64': { version: '1.0.0', resolved: 'https://example.com/a.tgz' },
  },
});

test('a platform that the lock leaves out fails, and so does an address', () => {
  const { code, said } = run('lock', tree({ 'package-lock.json': JSON.stringify(broken()) }));
  expect(code).toBe(1);
  expect(said).toContain('@tool/linux-x64-musl@1.0.0, wanted by node_modules/tool');
  expect(said).toContain('node_modules/@tool/darwin-arm64 names the registry');
});

test('completing adds it for its platform only, and removes the address', () => {
  const lock: Parameters<typeof complete>[0] = broken();
  complete(lock);
  expect(lock.packages['node_modules/@tool/linux-x64-musl']).toEqual({
    version: '1.0.0',
    os: ['linux'],
    cpu: ['x64'],
    libc: ['musl'],
    dev: true,
    optional: true,
  });
  expect([missingFromLock(lock), addressesIn(lock)]).toEqual([[], []]);
});
