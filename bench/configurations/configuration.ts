/** One row of the tables: how sessions get into the app. To add one, write a file here and name it in index.ts. */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Express, Request, Response } from 'express';
import type { Seen, Shape } from '../sessions.js';

export interface Configuration {
  /** As `--only` names it. */
  readonly name: string;
  readonly title: string;
  /** Packages whose versions the results name, besides Express. */
  readonly packages: readonly string[];
  /** A row that others are compared with: it has no sessions, so nothing of them can be proved. */
  readonly sessionless?: true;
  /** The sessionless row that it is compared with. Default: `none`, the bare Express app. */
  readonly base?: string;
  /** The store or the framework that its row is about, where a reader must know more: printed under the table. */
  readonly note?: string;
  /** Sets up the app of ../app.ts, on whatever framework. */
  open(setting: Setting, seen: Seen): Promise<Opened>;
}

export interface Setting {
  /** An empty folder of this server's own; the harness removes it. */
  readonly folder: string;
  /** Of a record as JSON, about. */
  readonly recordBytes: number;
}

export interface Opened {
  readonly listener: RequestListener;
  readonly store?: StoreGauge;
  close(): Promise<void>;
}

/** What the store's own server says of itself. */
export interface StoreGauge {
  /** How often each command has been carried out since it started. */
  commands?(): Promise<Readonly<Record<string, number>>>;
  /** Bytes that it takes now. */
  bytes?(): Promise<number>;
  /** CPU time that it has taken for its clients since it started, user and system, in microseconds. */
  cpuUs?(): Promise<number>;
}

/** How sessions get into an Express app. */
export type Install = (app: Express, setting: Setting) => Promise<Installed>;

export interface Installed {
  readonly store?: StoreGauge | undefined;
  /** Begins a session with this data, for a request without one. */
  begin(req: Request, res: Response, owner: string, data: Shape): void | Promise<void>;
  /** The session of a request, to read and change; without fields for a stranger. A promise only where it must be one. */
  of(req: Request, res: Response): Partial<Shape> | Promise<Partial<Shape>>;
  /** Where changes are not saved by themselves. */
  save?(session: Partial<Shape>, req: IncomingMessage, res: Response): unknown;
  close(): Promise<void>;
}
