/** Starts the example. Reads SESSION_SECRET and SESSION_STORE_SECRET (both required) and PORT (3000). */
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';
// The one line to change: `redis`, `mongodb` or `lmdb`.
import { redis as openStore } from './stores.js';
import { ada } from './users.js';

function required(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value.length >= 32) return value;
  console.error(
    `${name} is required, with at least 32 random characters. Make one with:\n` +
      "  node -e \"console.log(require('node:crypto').randomBytes(32).toString('base64url'))\"",
  );
  process.exit(1);
}

const secrets = { cookie: required('SESSION_SECRET'), store: required('SESSION_STORE_SECRET') };
const opened = await openStore();
const { app, sessions } = createApp(opened.store, secrets);

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`);
  console.log(`Sign in as ${ada.id} with the password: ${ada.password}`);
});

function stop(): void {
  server.close(() => void sessions.close().finally(() => opened.close()));
  server.closeIdleConnections();
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
