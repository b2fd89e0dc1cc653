/** One row of the tables: how sessions get into the app. To add one, write a file here and name it in index.ts. */
import type { Express, Request, Response } from 'express';
import type { Shape } from '../sessions.js';

export interface Configuration {
  /** As `--only` names it. */
  readonly name: string;
  readonly title: string;
  /** Packages whose versions the results name, besides Express. */
  readonly packages: readonly string[];
  /** The row that others are compared with: it has no sessions, so nothing of them can be proved. */
  readonly sessionless?: true;
  install(app: Express, setting: Setting): Promise<Installed>;
}

export interface Setting {
  /** An empty folder of this server's own; the harness removes it. */
  readonly folder: string;
}

export interface Installed {
  /** Begins a session with this data, for a request without one. */
  begin(req: Request, res: Response, owner: string, data: Shape): void | Promise<void>;
  /** The session of a request, to read and change; without fields for a stranger. A promise only where it must be one. */
  of(req: Request, res: Response): Partial<Shape> | Promise<Partial<Shape>>;
  /** Where changes are not saved by themselves. */
  save?(session: Partial<Shape>): Promise<void>;
  close(): Promise<void>;
}
