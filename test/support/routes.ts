import express, { type Express } from 'express';
import type { SessionEvent, Sessions } from '../../src/index.js';
import { sessionIn, type TestApp } from './app.js';
import { Client } from './client.js';

/** What `/me` answers. */
export interface Me {
  readonly owner?: string;
  readonly id: string;
  readonly isNew: boolean;
  readonly endedReason?: string;
  readonly aal: number;
  readonly pending?: { readonly owner: string; readonly step: string };
  readonly scopes: readonly string[];
  readonly elevatedUntil?: string;
  readonly data: Record<string, unknown>;
}

/** An app as small as it can be that uses every verb: what a test has to say about it, it says in requests. */
export function everyVerb(app: Express, sessions: Sessions): void {
  app.use(express.json());
  app.all('/me', (req, res) => {
    const session = sessionIn(req);
    res.json({ ...session.info, id: session.id, data: { ...session } });
  });
  app.all('/guarded', sessions.require(), (req, res) => res.json({ owner: sessionIn(req).info.owner }));
  app.all('/public', (_req, res) => res.send('public'));
  app.post('/sign-in/:owner', async (req, res) => {
    await sessionIn(req).signIn(req.params.owner, req.body ?? {});
    res.json({ id: sessionIn(req).id });
  });
  app.post('/put', (req, res) => {
    Object.assign(sessionIn(req), req.body);
    res.json({ id: sessionIn(req).id });
  });
  app.post('/update', async (req, res) => {
    await sessionIn(req).update((data) => void Object.assign(data, req.body));
    res.json({ id: sessionIn(req).id });
  });
  app.post('/reauthenticate', async (req, res) => {
    await sessionIn(req).reauthenticate(req.body ?? {});
    res.json({ id: sessionIn(req).id });
  });
  app.post('/revoke-all/:owner', async (req, res) => {
    res.json({ ended: await sessions.revokeAll(req.params.owner) });
  });
  app.post('/elevate/:scope', async (req, res) => {
    await sessionIn(req).elevate({ ...req.body, scope: req.params.scope });
    res.json({ id: sessionIn(req).id });
  });
  app.post('/credential-changed', async (req, res) => {
    await sessionIn(req).credentialChanged();
    res.json({ id: sessionIn(req).id });
  });
  for (const verb of ['signOut', 'destroy', 'regenerate', 'save', 'reload'] as const) {
    app.post(`/${verb}`, async (req, res) => {
      await sessionIn(req)[verb]();
      res.json({ done: verb });
    });
  }
}

/** The last event that tells what became of a request's cookie; a guard that refuses the request tells of it afterwards. */
export const lastHeard = ({ events }: Pick<TestApp, 'events'>): SessionEvent | undefined =>
  events.findLast(({ type }) => type !== 'guard-refused');

/** The token in a client's jar. */
export function tokenOf(client: Client): string {
  const [token] = client.jar.values();
  if (token === undefined) throw new Error('the client has no cookie');
  return token;
}

/** A browser that comes to an app with this token: to another instance, say, whose port and cookie name are its own. */
export function bearing(app: Pick<TestApp, 'origin' | 'cookieName'>, token: string): Client {
  return new Client(app.origin, [[app.cookieName, token]]);
}

/** A client of its own on which this owner has just signed in. */
export async function signedIn(app: TestApp, owner: string, options: object = {}): Promise<Client> {
  // A sign-in in the very millisecond in which the owner's sessions were revoked is barred, and rightly so.
  for (const now = Date.now(); Date.now() === now; ) await new Promise((next) => setImmediate(next));
  const client = app.client();
  const answer = await client.post(`/sign-in/${encodeURIComponent(owner)}`, { body: options });
  if (answer.status !== 200) throw new Error(`signing in failed: ${answer.status} ${answer.text}`);
  return client;
}
