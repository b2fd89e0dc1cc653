/** What goes wrong between an app and its server, by name. */
import type { Scene } from './scene.js';
import type { Backend, Return } from './servers.js';

export interface Fault {
  /** Reads as what happened, in a test's title. */
  readonly name: string;
  strike(scene: Scene): Promise<void> | void;
  /** Resolves when the server can be reached again. */
  heal(scene: Scene): Promise<void> | void;
  /** Of a server that was killed. Empty: it has itself lost what it had acknowledged. */
  readonly comesBack?: Return;
}

/** Those that this server can meet: each returns from the dead in its own ways. */
export const faultsOf = ({ returns }: Backend): readonly Fault[] =>
  faults.filter(({ comesBack }) => comesBack === undefined || returns[comesBack] !== undefined);

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
    name: 'the server is killed with -9, and comes back with its data',
    strike: ({ server }) => server.kill(),
    heal: ({ comeBack }) => comeBack('with its data'),
    comesBack: 'with its data',
  },
  {
    name: 'the server is killed with -9, and comes back empty',
    strike: ({ server }) => server.kill(),
    heal: ({ comeBack }) => comeBack('empty'),
    comesBack: 'empty',
  },
  {
    name: 'the server is paused with SIGSTOP',
    strike: ({ server }) => server.pause(),
    heal: ({ server }) => server.resume(),
  },
];
