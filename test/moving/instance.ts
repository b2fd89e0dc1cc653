/** One instance of an app behind a switch, in a process of its own: as it was, or as it is now. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express from 'express';
import expressSession from 'express-session';
import { createClient } from 'redis';
import { session } from '../../src/index.js';
import { redisStore } from '../../src/stores/redis.js';

const [which, redisPort] = process.argv.slice(2);
const client = createClient({ socket: { host: '127.0.0.1', port: Number(redisPort) } });
client.on('error', () => undefined);
await client.connect();
const oldStore = new RedisStore({ client });
const oldSecret = 'the one that signs cookies';

type Data = Record<string, unknown>;
const app = express();
app.use(express.json());
if (which === 'old') {
  app.use(expressSession({ store: oldStore, secret: oldSecret, resave: false, saveUninitialized: false }));
  app.post('/sign-in/:who', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(req.session, { userId: req.params.who });
      res.json({ which });
    });
  });
  app.post('/sign-out', (req, res, next) =>
    req.session.destroy((error) => (error ? next(error) : res.json({ which }))),
  );
} else {
  const migrateFrom = { secret: oldSecret, store: oldStore, owner: (data: Data) => data.userId };
  const secret = 'fr0m-a-t3st-0nly-Zq8wV2nL5xK7pY3mB9dT';
  app.use(session({ store: redisStore({ client }), secret, migrateFrom }));
  app.post('/sign-in/:who', async (req, res) => {
    await (req.session as unknown as { signIn(who: string): Promise<void> }).signIn(req.params.who);
    Object.assign(req.session, { userId: req.params.who });
    res.json({ which });
  });
  app.post('/sign-out', async (req, res) => {
    await (req.session as unknown as { signOut(): Promise<void> }).signOut();
    res.json({ which });
  });
}
app.get('/me', (req, res) => void res.json({ which, who: (req.session as unknown as Data).userId }));
app.post('/put', (req, res) => {
  const { userId: who } = req.session as unknown as Data;
  // Whoever answers this is not signed in would begin a session for a stranger.
  if (who !== undefined) Object.assign(req.session, req.body);
  res.json({ which, who });
});

const server = createServer(app);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit(0));
