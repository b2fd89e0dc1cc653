/** Where in src/ a place in dist/ comes from, by the build's source maps: a profile speaks of rooms, not of bundles. */
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Profile } from './profile-report.js';

type Place = Profile['nodes'][number]['callFrame'];

/** By built file; undefined where it has no map. */
const maps = new Map<string, SourceMap | undefined>();

function mapOf(file: string): SourceMap | undefined {
  if (!maps.has(file)) {
    const path = `${file}.map`;
    const payload: SourceMapPayload | undefined = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
    maps.set(file, payload && new SourceMap(payload));
  }
  return maps.get(file);
}

/** The file from src/ on, and the line, both as people count. Undefined for what is not built from src/. */
export function sourceOf({ url, lineNumber, columnNumber }: Place): { file: string; line: number } | undefined {
  const built = /^(file:.*\/dist\/)esm\/.*\.js$/.exec(url);
  if (built === null) return undefined;
  const entry = mapOf(fileURLToPath(url))?.findEntry(lineNumber, columnNumber);
  if (entry === undefined || !('originalSource' in entry)) return undefined;
  const from = new URL(entry.originalSource, url);
  return {
    file: relative(fileURLToPath(built[1] ?? url), fileURLToPath(from)),
    line: entry.originalLine + 1,
  };
}
