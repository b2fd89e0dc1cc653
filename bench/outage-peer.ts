/** The app of `npm run bench:outage` on express-session and connect-redis, as their READMEs set them up. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';

const [port = '', listens = ''] = process.argv.slice(2);
const client = createClient({ socket: { host: '127.0.0.1', port: Number(port) } });
if (listens === 'listens') client.on('error', () => undefined);
client.connect().catch(() => undefined);

const app = express();
app.use(
  session({ store: new RedisStore({ client }), secret: 'not a secret', resave: false, saveUninitialized: false }),
);
app.all('/public', (_req, res) => void res.send('public'));
app.all('/me', (req, res) => void res.json({ ...req.session }));
app.all('/put', (req, res) => {
  Object.assign(req.session, { user: 'ada' });
  res.json({});
});
const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.send?.({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
