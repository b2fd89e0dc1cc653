/** A demo with two faults of the kind that apps have: the gate is off, and signing out only clears the cookie. The tests must notice both. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import { memoryStore, session } from 'holdfast';
import { createApp } from '../../demo/app.js';
import { Users } from '../../demo/users.js';

const sessions = session({ store: memoryStore(), crossSite: false, production: false });
const users = new Users();
await users.set('ada', 'correct horse battery staple');
const app = express();
app.post('/logout', (req, res) => {
  const [name = ''] = (req.headers.cookie ?? '').split('=', 1);
  res.append('Set-Cookie', `${name}=; Path=/; Max-Age=0`);
  res.redirect(303, '/');
});
app.use(createApp({ sessions, users }));
const server = app.listen(0, '127.0.0.1', () => {
  console.log(`The demo is at http://localhost:${(server.address() as AddressInfo).port}`);
});
