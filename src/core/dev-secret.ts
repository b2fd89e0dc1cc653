/** Outside production, a secret that is made once and kept, so that a restart signs nobody out while developing. */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MadeSecret {
  readonly secret: string;
  /** Where it is kept; absent if it could not be, and then it lasts as long as the process. */
  readonly path?: string;
}

/** Reads or makes the secret under `folder/node_modules/.cache/holdfast`, readable by its owner alone. */
export function developmentSecret(folder: string): MadeSecret {
  const path = join(folder, 'node_modules', '.cache', 'holdfast', 'secret');
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    if (!existsSync(path)) writeOnce(path, randomBytes(32).toString('base64url'));
    const secret = readFileSync(path, 'utf8').trim();
    if (/^[A-Za-z0-9_-]{43}$/.test(secret)) return { secret, path };
  } catch {
    // A read-only or missing folder: go on with one that is not kept.
  }
  return { secret: randomBytes(32).toString('base64url') };
}

/** Complete or not at all, and never over another: of two processes that start together, both read what one wrote. */
function writeOnce(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
