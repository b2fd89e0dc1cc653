/** G6 for sockets, which pass no middleware, and G8 for requests that nobody makes. */
import { guaranteeTest, type Mutant } from './mutant.js';

const handshake = 'test/sockets/handshake.test.ts';
const requirements = 'test/sockets/requirements.test.ts';
const sockets = guaranteeTest('g06-sockets');
const background = guaranteeTest('g08-background');

const engineUse = 'test/ecosystem/socketio.test.ts';

export const socketsAndPolling: readonly Mutant[] = [
  {
    guarantee: 'G6',
    what: 'a handshake through io.engine.use is refused to other sites',
    file: 'src/express/session.ts',
    find: 'req, encrypted, isHandshake(res));',
    replace: 'req, encrypted);',
    tests: [engineUse],
  },
  {
    guarantee: 'G6',
    what: 'a handshake through io.engine.use is followed until its connection closes',
    file: 'src/express/session.ts',
    find: '      holdForSocket(engine, handle, req.socket);\n',
    replace: '      engine.release(handle);\n',
    tests: [engineUse],
  },
  {
    guarantee: 'G6',
    what: 'an upgrade from another site is refused',
    file: 'src/express/upgrade.ts',
    find: '  if (foreign) return refused(foreign);\n',
    replace: '',
    tests: [handshake],
  },
  {
    guarantee: 'G6',
    what: 'an upgrade is judged although it is a GET',
    file: 'src/express/arrival.ts',
    find: "if (!upgrade && (method === 'GET'",
    replace: "if ((method === 'GET'",
    tests: [handshake],
  },
  {
    guarantee: 'G6',
    what: 'a socket needs somebody who is signed in',
    file: 'src/express/upgrade.ts',
    find: '    if (error) return refused(error);\n',
    replace: '',
    tests: [handshake],
  },
  {
    guarantee: 'G6',
    what: 'a socket asks for no less than a route',
    file: 'src/express/upgrade.ts',
    find: 'refusalOf(engine.sessionOf(handle).info, engine.config.clock.now(), demands)',
    replace:
      'refusalOf(engine.sessionOf(handle).info, engine.config.clock.now(), { ...demands, aal: 1, scope: undefined })',
    tests: [requirements],
  },
  {
    guarantee: 'G6',
    what: 'a socket closes when what was unlocked for it has closed',
    file: 'src/express/lapse.ts',
    find: 'return Math.min(stale, closed);',
    replace: 'return stale;',
    tests: [requirements],
  },
  {
    guarantee: 'G6',
    what: 'a socket closes when the proof is too old for it',
    file: 'src/express/lapse.ts',
    find: 'return Math.min(stale, closed);',
    replace: 'return closed;',
    tests: [requirements],
  },
  {
    guarantee: 'G12',
    what: 'a closed socket holds no timer',
    file: 'src/express/upgrade.ts',
    find: '    lapse.rest();\n',
    replace: '',
    tests: [requirements],
  },
  {
    guarantee: 'G10',
    what: 'a client that resets an upgrade does not end the process',
    file: 'src/express/upgrade.ts',
    find: "  req.socket.on('error', ignore);\n",
    replace: '',
    tests: [handshake],
  },
  {
    guarantee: 'G6',
    what: 'an open socket is told that its session is over',
    file: 'src/express/upgrade.ts',
    find: "    else signal.addEventListener('abort', told, { once: true });\n",
    replace: '',
    tests: [sockets],
  },
  {
    guarantee: 'G6',
    what: 'nothing that comes after the end reaches the app',
    file: 'src/http/upgrade.ts',
    find: "  ws.removeAllListeners('message');\n",
    replace: '',
    tests: [sockets],
  },
  {
    guarantee: 'G6',
    what: 'a socket that ignores its end is cut off',
    file: 'src/http/upgrade.ts',
    find: '() => ws.terminate()',
    replace: '() => {}',
    tests: [sockets],
  },
  {
    guarantee: 'G12',
    what: 'a closed socket lets go of its session',
    file: 'src/express/upgrade.ts',
    find: "      ws.once('close', letGo);\n",
    replace: '',
    tests: [sockets],
  },
  {
    guarantee: 'G8',
    what: 'an open socket, and its end, are no use of the session',
    file: 'src/core/engine.ts',
    find: '    handle.detached = true;\n    this.inBackground(handle);\n',
    replace: '    handle.detached = true;\n',
    tests: [sockets],
  },
  {
    guarantee: 'G8',
    what: 'a poll is no use of the session',
    file: 'src/core/engine.ts',
    find: '    if (handle.background) return false;\n',
    replace: '',
    tests: [background],
  },
  {
    guarantee: 'G8',
    what: 'a poll that writes is no use of the session',
    file: 'src/core/changes.ts',
    find: '{ extends: !handle.background }',
    replace: '{ extends: true }',
    tests: [background],
  },
  {
    guarantee: 'G8',
    what: 'a poll is offered no new token, which would be a use',
    file: 'src/core/engine.ts',
    find: '    handle.background = true;\n    handle.offer = undefined;\n',
    replace: '    handle.background = true;\n',
    tests: [background],
  },
];
