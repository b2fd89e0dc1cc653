import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { consumer, installedPackage, repository } from './consumer.js';
import { visit, visited } from './scenario.js';

const subpaths = Object.keys(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')).exports)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => `holdfast${subpath.slice(1)}`);

const esm = "import express from 'express';\nimport { memoryStore, session } from 'holdfast';\n";
const cjs = "const express = require('express');\nconst { memoryStore, session } = require('holdfast');\n";
const say = 'visit().then((said) => console.log(said));\n';

describe('the tarball', () => {
  test('brings what it runs on, and none of the tests', () => {
    const files = readdirSync(installedPackage(), { recursive: true, encoding: 'utf8' });
    expect(files).toEqual(
      expect.arrayContaining(['package.json', 'README.md', 'LICENSE', join('dist', 'cjs', 'package.json')]),
    );
    expect(files.filter((file) => /\.test\.|^(?:src|test|scripts|demo|bench)(?:\/|$)/.test(file))).toEqual([]);
  });

  test('brings the pages that its pages link to, but for those that the README says are in the repository only', () => {
    const files = new Set(readdirSync(installedPackage(), { recursive: true, encoding: 'utf8' }));
    const pages = [...files].filter((file) => file.endsWith('.md') && !file.startsWith('dist'));
    expect(pages).toEqual(expect.arrayContaining(['SECURITY.md', join('docs', 'errors.md')]));
    const readme = readFileSync(join(installedPackage(), 'README.md'), 'utf8');
    const [, said = ''] =
      /^The npm package brings .*?Links from them to (.*) lead into the repository/m.exec(readme) ?? [];
    const elsewhere = said.split(/, | and /).map((name) => name.replaceAll('`', ''));
    expect(elsewhere).toContain('bench/');
    const missing = pages.flatMap((page) => {
      const text = readFileSync(join(installedPackage(), page), 'utf8');
      const links = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, link = '']) => link);
      return links
        .map((link) => join(dirname(page), link).replace(/\/$/, ''))
        .filter((link) => !files.has(link) && !elsewhere.some((name) => link.startsWith(name)))
        .map((link) => `${page}: ${link}`);
    });
    expect(missing).toEqual([]);
  });

  test('asks for nothing else at run time', () => {
    const manifest = JSON.parse(readFileSync(join(installedPackage(), 'package.json'), 'utf8'));
    expect(manifest.dependencies ?? {}).toEqual({});
    const peers = Object.keys(manifest.peerDependencies ?? {});
    expect(peers.filter((peer) => manifest.peerDependenciesMeta?.[peer]?.optional !== true)).toEqual([]);
  });
});

describe('loading', () => {
  test.each(['holdfast', 'holdfast/stores/memory'])(
    '%s loads with no other package installed, in both formats',
    (name) => {
      const { node } = consumer({
        'esm.mjs': `import * as all from '${name}'; console.log(Object.keys(all).length > 0);`,
        'cjs.cjs': `console.log(Object.keys(require('${name}')).length > 0);`,
      });
      for (const file of ['esm.mjs', 'cjs.cjs']) expect(node(file)).toMatchObject({ stderr: '', stdout: 'true\n' });
    },
  );

  test('subpaths share one copy of what both give, in each format', () => {
    const { node } = consumer({
      'esm.mjs': `import { memoryStore as a } from 'holdfast'; import { memoryStore as b } from 'holdfast/stores/memory';
        console.log(a === b);`,
      'cjs.cjs': `console.log(require('holdfast').memoryStore === require('holdfast/stores/memory').memoryStore);`,
    });
    for (const file of ['esm.mjs', 'cjs.cjs']) expect(node(file)).toMatchObject({ stderr: '', stdout: 'true\n' });
  });

  test.each(subpaths)('%s gives the same names to import and to require', (name) => {
    const { node } = consumer(
      {
        'names.mjs': `import { createRequire } from 'node:module';
          const imported = Object.keys(await import('${name}')).filter((key) => key !== 'default' && key !== 'module.exports');
          const required = Object.keys(createRequire(import.meta.url)('${name}'));
          console.log(JSON.stringify([imported.sort(), required.sort()]));`,
      },
      ['lmdb', 'bowser', 'express-session'],
    );
    const { stdout, stderr } = node('names.mjs');
    expect(stderr).toBe('');
    const [imported, required] = JSON.parse(stdout);
    expect(imported).toEqual(required);
  });
});

describe('a stack trace', () => {
  const failing = "try { session({ secret: 'short' }); } catch (error) { console.log(error.stack); }";
  const files = {
    'esm.mjs': `import { session } from 'holdfast';\n${failing}`,
    'cjs.cjs': `const { session } = require('holdfast');\n${failing}`,
  };

  test.each(Object.keys(files))('of %s names the functions, and with source maps the sources', (file) => {
    const { folder, node } = consumer(files);
    expect(node(file).stdout).toMatch(/at (?:Object\.)?checkSecrets \(/);
    const { stdout } = node('--enable-source-maps', file);
    const source = /\((\S*holdfast.dist.src.core.secrets\.ts):(\d+):\d+\)/.exec(stdout);
    expect(source?.[1]).toContain(folder);
    const lines = readFileSync(source?.[1] ?? '', 'utf8').split('\n');
    expect(lines[Number(source?.[2]) - 1]).toContain('throw new SessionError(');
  });
});

describe('an app', () => {
  test('in ESM keeps its sessions', () => {
    const { node } = consumer({ 'app.mjs': esm + visit('memoryStore()') + say }, ['express']);
    expect(node('app.mjs')).toMatchObject({ status: 0, stdout: `${visited}\n` });
  });

  test('in CJS keeps its sessions', () => {
    const { node } = consumer({ 'app.cjs': cjs + visit('memoryStore()') + say }, ['express']);
    expect(node('app.cjs')).toMatchObject({ status: 0, stdout: `${visited}\n` });
  });

  test('in ESM and one in CJS keep theirs in lmdb', () => {
    const store = "lmdbStore({ path: './data' })";
    const { node } = consumer(
      {
        'app.mjs': `${esm}import { lmdbStore } from 'holdfast/stores/lmdb';\nvoid memoryStore;${visit(store)}${say}`,
        'app.cjs': `${cjs}const { lmdbStore } = require('holdfast/stores/lmdb');\n${visit(store)}${say}`,
      },
      ['express', 'lmdb'],
    );
    for (const file of ['app.mjs', 'app.cjs']) expect(node(file)).toMatchObject({ status: 0, stdout: `${visited}\n` });
  });
});

describe('both copies in one process', () => {
  test('know each other’s errors', () => {
    const { node } = consumer({
      'both.mjs': `import { createRequire } from 'node:module';
        import { SessionError as A } from 'holdfast';
        const { SessionError: B } = createRequire(import.meta.url)('holdfast');
        const [a, b] = [A, B].map((Error) => new Error('ERR_SESSION_LIMIT', 'too many'));
        console.log(A !== B, a instanceof B, b instanceof A, new Error('other') instanceof A, {} instanceof B);`,
    });
    expect(node('both.mjs')).toMatchObject({ stderr: '', stdout: 'true true true false false\n' });
  });

  test('work together: the middleware of one with the store of the other', () => {
    const load = `import { createRequire } from 'node:module';
      import express from 'express';
      import { session } from 'holdfast';
      const { memoryStore } = createRequire(import.meta.url)('holdfast');\n`;
    const { node } = consumer({ 'both.mjs': load + visit('memoryStore()') + say }, ['express']);
    expect(node('both.mjs')).toMatchObject({ status: 0, stdout: `${visited}\n` });
  });
});
