/**
 * Starts the demo: `npm start`. Reads PORT (3000), DEMO_DATA (.data) or the URL of a server for the sessions (store.ts),
 * SESSION_SECRET (made while developing, required with a server), TRUST_PROXY (how many proxies are in front, or their
 * addresses), IDLE, ABSOLUTE and FRESH (durations such as 15m) and NODE_ENV.
 */
import type { AddressInfo } from 'node:net';
import { type Duration, SessionError, type Sessions, session } from 'holdfast';
import { deviceLabel } from 'holdfast/devices';
import { createApp } from './app.js';
import { serveLive } from './live.js';
import { chooseStore } from './store.js';
import { Users } from './users.js';

const {
  PORT: port = '3000',
  SESSION_SECRET: secret,
  TRUST_PROXY: proxies,
  IDLE: idle,
  ABSOLUTE: absolute,
  FRESH: fresh,
} = process.env;
const people = { ada: 'correct horse battery staple', grace: 'nanoseconds of copper wire' };

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

const chosen = await chooseStore(process.env).catch((error: Error) => fail(error.message));

function startSessions(): Sessions {
  try {
    return session({
      store: chosen.store,
      secret,
      idle: idle as Duration | undefined,
      absolute: absolute as Duration | undefined,
      deviceLabel,
      maxPerOwner: 10,
    });
  } catch (error) {
    // Its message says what to do; a stack would bury that.
    if (error instanceof SessionError) fail(error.message);
    throw error;
  }
}

const sessions = startSessions();
const users = new Users();
for (const [name, password] of Object.entries(people)) await users.set(name, password);

const app = createApp({ sessions, users, freshWithin: fresh as Duration | undefined });
if (proxies) app.set('trust proxy', /^\d+$/.test(proxies) ? Number(proxies) : proxies);

const server = app.listen(Number(port), (error?: NodeJS.ErrnoException) => {
  if (error?.code === 'EADDRINUSE')
    fail(`Port ${port} is taken. Stop what runs there, or choose another: PORT=3001 npm start`);
  if (error) throw error;
  console.log(`The demo is at http://localhost:${(server.address() as AddressInfo).port}`);
  for (const [name, password] of Object.entries(people))
    console.log(`Sign in as ${name} with the password: ${password}`);
});

const sendAway = serveLive(server, { app, sessions });

/** Takes no new requests, answers those under way, and closes the store after the last. A second signal ends at once. */
function stop(): void {
  sendAway();
  server.close(() => void sessions.close().finally(() => chosen.close()));
  setTimeout(() => server.closeAllConnections(), 10_000).unref();
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
