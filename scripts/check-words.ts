/**
 * The project speaks of itself alone. Prevents: a path of somebody's machine, a private registry or a note about how a
 * file came to be in what we publish. The patterns are split, so that this file passes its own check.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, isMain, rootFromArguments } from './support.js';

const patterns: [what: string, RegExp][] = [
  [
    'a path of one machine',
    new RegExp(`(?<![\\w.:])/(?:wo${'rk'}|ro${'ot'}|ho${'me'}/\\w+|Us${'ers'}/\\w+|tmp/${'h'})/`),
  ],
  ['a registry host', new RegExp(`\\b(?:regis${'try'}|nexus|artifac${'tory'})\\.[a-z0-9-]+\\.[a-z]{2,}`, 'i')],
  [
    'how it was made',
    new RegExp(`\\b(?:clau${'de'}|anthro${'pic'}|chat${'gpt'}|open${'ai'}|co${'pilot'}|LL${'M'}s?)\\b`, 'i'),
  ],
  [
    'how it was made',
    new RegExp(`\\b(?:(?:as an|by an?) A${'I'}|A${'I'}[- ](?:generated|assisted|written)|language mo${'del'})\\b`),
  ],
];

const binary = /\.(?:png|jpe?g|ico|woff2?|bin|gz|tgz)$/;

/** What git tracks or would track: a new file is looked at before it is committed, not after. */
function files(root: string): string[] {
  const list = execFileSync('git', ['-C', root, 'ls-files', '-z', '-co', '--exclude-standard'], { encoding: 'utf8' });
  return list.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}

export function checkWords(root: string): string[] {
  return files(root).flatMap((file) => {
    const named = patterns
      .filter(([, pattern]) => pattern.test(file))
      .map(([what]) => `${file} is named after ${what}`);
    if (binary.test(file)) return named;
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    return [
      ...named,
      ...lines.flatMap((line, index) =>
        patterns.flatMap(([what, pattern]) => {
          const found = pattern.exec(line)?.[0];
          return found === undefined ? [] : `${file}:${index + 1} tells ${what}: ${found}`;
        }),
      ),
    ];
  });
}

if (isMain(import.meta.url)) fail('words', checkWords(rootFromArguments()));
