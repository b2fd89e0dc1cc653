/** Two `session()`s in one app, for people and for administrators say: the one's people are strangers to the other. */
import express from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Sessions, session, sessionOf } from '../../src/index.js';
import { memoryStore } from '../../src/stores/memory.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';

describe('two session()s in one app', () => {
  let people: Sessions;
  let administrators: Sessions;
  let app: TestApp;
  const ask = (path: string, client: Client, method = 'GET') => client.send(method, path);

  beforeEach(async () => {
    const quiet = { secret: testSecret, crossSite: false, log() {} } as const;
    people = session({ ...quiet, name: 'people', store: memoryStore() });
    administrators = session({ ...quiet, name: 'administrators', store: memoryStore() });
    app = await startApp(
      () => {},
      { name: 'unused' },
      () => {
        // Before startApp's own session(), which the requests of these routes never reach.
        const made = express();
        made.use('/people', people);
        made.post('/people/login', async (req, res) => {
          await sessionOf(req).signIn('ada');
          res.send('ada');
        });
        made.get('/people/me', people, people.require(), (req, res) => res.send(sessionOf(req).info.owner));
        made.get('/people/admin', administrators, administrators.require(), (_req, res) => res.send('let in'));
        made.get('/people/guarded', administrators.require(), (_req, res) => res.send('let in'));
        made.get('/people/left', administrators.timeLeft());
        made.get('/people/poll', administrators.background(), (_req, res) => res.send('let in'));
        made.get('/people/token', (req, res) => res.send(administrators.csrfToken(req)));
        made.use('/administrators', administrators);
        made.post('/administrators/login', async (req, res) => {
          await sessionOf(req).signIn('root');
          res.send('root');
        });
        made.get('/administrators/me', administrators.require(), (req, res) => res.send(sessionOf(req).info.owner));
        return made;
      },
    );
  });
  afterEach(() => app.close());

  it.each(['/admin', '/guarded', '/left', '/poll', '/token'])(
    'neither lets in whom the other knows: %s',
    async (path) => {
      const client = app.client();
      await ask('/people/login', client, 'POST');
      const answer = await ask(`/people${path}`, client);
      expect(answer.status).toBe(500);
      expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_MIDDLEWARE_MISSING');
      expect(answer.setCookies).toEqual([]);
    },
  );

  it('each has its people on routes of its own, in one browser at once', async () => {
    const client = app.client();
    await ask('/people/login', client, 'POST');
    await ask('/administrators/login', client, 'POST');
    expect((await ask('/people/me', client)).text).toBe('ada');
    expect((await ask('/administrators/me', client)).text).toBe('root');
  });

  it('the same one may be mounted twice', async () => {
    const client = app.client();
    await ask('/people/login', client, 'POST');
    expect((await ask('/people/me', client)).status).toBe(200);
  });
});
