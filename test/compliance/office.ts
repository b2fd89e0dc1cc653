/**
 * An app for what the demo has no page for: people with two factors, an administrator, payments that are confirmed one by
 * one, and forms with CSRF tokens. Like the demo it is asked over HTTP only. DEMO_DATA is the folder of its sessions,
 * AUDIENCE the name of the app among those that share it.
 */
import type { AddressInfo } from 'node:net';
import express, { type Request, type RequestHandler } from 'express';
import { explain, SessionError, session, sessionOf } from 'holdfast';
import { lmdbStore } from 'holdfast/stores/lmdb';

const { DEMO_DATA: path = '', AUDIENCE: audience, SESSION_SECRET: secret } = process.env;
const forms = express.urlencoded({ extended: false });
const sessions = session({
  store: lmdbStore({ path }),
  secret,
  audience,
  crossSite: { token: true, forms },
  revokeEverything: true,
});

const people: Record<string, { readonly password: string; readonly code: string; readonly administers?: boolean }> = {
  ada: { password: 'correct horse battery staple', code: '111111' },
  grace: { password: 'nanoseconds of copper wire', code: '222222' },
  root: { password: 'an administrator of this office', code: '999999', administers: true },
};
const personOf = (req: Request) => people[String(sessionOf(req).info.owner)];
const administrator: RequestHandler = (req, res, next) => (personOf(req)?.administers ? next() : res.sendStatus(403));

const app = express();
app.use(sessions, forms);
app.get('/form', (req, res) => void res.json({ token: sessions.csrfToken(req) }));
app.get('/session', (req, res) => {
  const { owner, aal, pending, scopes, endsAt } = sessionOf(req).info;
  res.json({ id: sessionOf(req).id, owner: owner ?? null, aal, pending: pending?.step ?? null, scopes, endsAt });
});

app.post('/login', async (req, res) => {
  const { username = '', password } = req.body;
  if (people[username]?.password !== password) return void res.sendStatus(401);
  await sessionOf(req).signIn(username, { pending: 'code' });
  res.sendStatus(204);
});
app.post('/login/code', async (req, res) => {
  const owner = sessionOf(req).info.pending?.owner;
  if (owner === undefined || people[owner]?.code !== req.body.code) return void res.sendStatus(401);
  await sessionOf(req).signIn(owner, { aal: 2, amr: ['pwd', 'otp'] });
  res.sendStatus(204);
});
app.post('/logout', async (req, res) => {
  await sessionOf(req).signOut();
  res.sendStatus(204);
});

// Each payment is a scope of its own: what confirms one opens no other.
const paymentOf = (req: Request) => `payment:${req.params.id}`;
/** Most are confirmed for so long that the slowest machine pays in time; of one the tests see the end. */
const lasts = (req: Request) => (req.params.id === 'brief' ? '1s' : '10m');
app.post('/payments/:id/confirm', sessions.require({ aal: 2 }), async (req, res) => {
  if (personOf(req)?.code !== req.body.code) return void res.sendStatus(401);
  await sessionOf(req).elevate({ scope: paymentOf(req), for: lasts(req) });
  res.sendStatus(204);
});
app.post(
  '/payments/:id',
  (req, res, next) => sessions.require({ aal: 2, scope: paymentOf(req) })(req, res, next),
  (_req, res) => void res.send('paid'),
);

const admin = [sessions.require({ aal: 2 }), administrator];
app.get('/admin/people/:owner', admin, async (req: Request<{ owner: string }>, res: express.Response) => {
  res.json((await sessions.list(req.params.owner)).map(({ id }) => id));
});
app.post('/admin/people/:owner/end', admin, async (req: Request<{ owner: string }>, res: express.Response) => {
  res.json({ ended: await sessions.revokeAll(req.params.owner) });
});
app.post('/admin/sessions/:id/end', admin, async (req: Request<{ id: string }>, res: express.Response) => {
  res.json({ ended: await sessions.revoke(req.params.id) });
});
app.post('/admin/end-everything', admin, async (_req: Request, res: express.Response) => {
  await sessions.revokeEverything();
  res.sendStatus(204);
});

/** A request that is under way until another one lets it go. */
const waiting: (() => void)[] = [];
app.post('/slow', async (req, res) => {
  Object.assign(sessionOf(req), { note: 'written late' });
  await new Promise<void>((go) => waiting.push(go));
  res.send('late');
});
app.get('/waiting', (_req, res) => void res.json(waiting.length));
app.post('/let-go', (_req, res) => {
  for (const go of waiting.splice(0)) go();
  res.sendStatus(204);
});

app.use(((error, req, res, next) => {
  if (res.headersSent) return next(error);
  const status = error instanceof SessionError ? error.status : 500;
  res.status(status).json({ code: error.code, because: explain(req).because });
}) as express.ErrorRequestHandler);

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`The office is at http://localhost:${(server.address() as AddressInfo).port}`);
});
