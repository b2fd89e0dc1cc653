/** What goes wrong between an app and its server, by name. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene } from './scene.js';

export interface Fault {
  /** Reads as what happened, in a test's title. */
  readonly name: string;
  strike(scene: Scene): Promise<void> | void;
  /** Resolves when the server can be reached again. */
  heal(scene: Scene): Promise<void> | void;
  /** The server itself has lost what it had acknowledged. */
  readonly loses?: true;
}

export const faults: readonly Fault[] = [
  {
    name: 'the link is cut, and refuses new connections',
    strike: ({ link }) => link.cut(),
    heal: ({ link }) => link.heal(),
  },
  {
    name: 'the link is half open: nothing passes, and nobody is told',
    strike: ({ link }) => link.stall(),
    heal: ({ link }) => link.heal(),
  },
  {
    name: 'commands arrive and no answer comes back',
    strike: ({ link }) => link.stall('down'),
    heal: ({ link }) => link.heal(),
  },
  {
    name: 'the link is slower than the deadline',
    strike: ({ link }) => link.delay(1_500, 'down'),
    heal: ({ link }) => link.heal(),
  },
  {
    name: 'a router forgets every connection, and new ones work',
    strike: ({ link }) => {
      link.forget();
      link.stall();
    },
    heal: ({ link }) => link.heal(),
  },
  {
    name: 'the server is killed with -9, and comes back with its log',
    strike: ({ server }) => server.kill(),
    heal: ({ server }) => server.restart(),
  },
  {
    name: 'the server is killed with -9, and comes back empty',
    strike: ({ server }) => server.kill(),
    heal({ server }) {
      rmSync(join(server.folder, 'appendonlydir'), { recursive: true, force: true });
      return server.restart();
    },
    loses: true,
  },
  {
    name: 'the server is paused with SIGSTOP',
    strike: ({ server }) => server.pause(),
    heal: ({ server }) => server.resume(),
  },
];
