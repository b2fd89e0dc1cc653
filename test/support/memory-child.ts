/**
 * Runs in a process of its own with `--expose-gc`: sends an app thousands of requests that end in every way there is,
 * then says how much of what they made is still held.
 */
import { connect } from 'node:net';
import { memoryStore } from '../../src/stores/memory.js';
import { sessionIn, startApp } from './app.js';
import { FakeClock } from './fake-clock.js';
import { everyVerb } from './routes.js';
import { spyOn } from './spy-store.js';

declare const gc: () => void;

const held: WeakRef<object>[] = [];
const clock = new FakeClock();
const spy = spyOn(memoryStore());
const app = await startApp(
  (target, sessions) => {
    target.use((req, res, next) => {
      const session = sessionIn(req);
      held.push(new WeakRef(session), new WeakRef(session.info.signal), new WeakRef(res));
      next();
    });
    target.post('/never-ends', (req) => {
      sessionIn(req).late = 'change';
    });
    target.post('/fails', (req) => {
      sessionIn(req).late = 'change';
      throw new Error('the handler failed');
    });
    target.get('/asks-late', (req, res) => {
      res.send('asked');
      setImmediate(() => void sessionIn(req).info.signal);
    });
    everyVerb(target, sessions);
  },
  { store: spy.store, clock, log: () => {} },
);
// The events of a test app are kept by the test.
const timers = clock.pending;
const client = app.client();
await client.post('/sign-in/ada');

/** A request whose connection is cut, before or while it is answered. */
function cut(path: string, whenSent: (socket: ReturnType<typeof connect>) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(app.port, '127.0.0.1', () => {
      socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${client.cookie}\r\nContent-Length: 0\r\n\r\n`);
      whenSent(socket);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

const rounds = Number(process.argv[2] ?? 200);
for (let round = 0; round < rounds; round++) {
  await Promise.all([
    client.get('/me'),
    client.post('/put', { body: { [`key${round % 10}`]: round } }),
    client.post('/update', { body: { count: round } }),
    client.post('/fails'),
    client.get('/asks-late'),
    app.client().post('/put', { body: { anonymous: round } }),
    cut('/never-ends', (socket) => setImmediate(() => socket.destroy())),
    cut('/put', (socket) => socket.destroy()),
  ]);
  if (round % 20 === 0) {
    const failing = round % 40 === 0;
    spy.around = (operation, run) => {
      if (failing && operation !== 'read') throw new Error('down');
      // Somebody who has gone when the store answers.
      return operation === 'read' ? new Promise((resolve) => setImmediate(() => resolve(run()))) : run();
    };
    await Promise.all([
      client.post('/update', { body: { failing: round } }),
      cut('/put', (socket) => socket.destroy()),
    ]);
    spy.around = undefined;
    await spy.settled();
    clock.advance(300);
  }
}
client.close();
await spy.settled();
app.server.closeAllConnections();
app.events.length = 0;
for (let turn = 0; turn < 10; turn++) {
  await new Promise((resolve) => setImmediate(resolve));
  gc();
}
const alive = held.filter((reference) => reference.deref() !== undefined).length;
process.send?.({ made: held.length, alive, timers: clock.pending - timers });
process.disconnect?.();
await app.close();
