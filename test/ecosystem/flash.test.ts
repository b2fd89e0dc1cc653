import flash from 'connect-flash';
import type { Express, Request } from 'express';
import { describe, expect, it, test } from 'vitest';
import { memoryStore, type Session } from '../../src/index.js';
import { spyOn } from '../support/spy-store.js';
import { Turnstile } from '../support/turnstile.js';
import { dataOf, stacks, underSession } from './stacks.js';

function routesOf(turnstile: Turnstile) {
  return (app: Express): void => {
    app.use(flash());
    app.post('/say/:kind/:text', (req, res) => {
      req.flash(req.params.kind, req.params.text);
      res.redirect(303, '/page');
    });
    app.post('/slow/:kind/:text', async (req, res) => {
      await turnstile.pass();
      req.flash(req.params.kind, req.params.text);
      res.redirect(303, '/page');
    });
    app.get('/page', (req, res) => void res.json(req.flash()));
    app.get('/empty', (req, res) => void res.json('flash' in dataOf(req)));
  };
}

describe.each(stacks.map((stack) => [stack.name, stack] as const))('connect-flash under %s', (_, stack) => {
  it('a message survives the redirect, and is shown once', async () => {
    const client = (await stack.start(routesOf(new Turnstile()))).client();
    expect((await client.post('/say/info/saved')).headers.location).toBe('/page');
    expect((await client.get('/page')).json()).toEqual({ info: ['saved'] });
    expect((await client.get('/page')).json()).toEqual({});
  });

  it('messages of different kinds from overlapping requests are all shown', async () => {
    const turnstile = new Turnstile();
    const client = (await stack.start(routesOf(turnstile))).client();
    await client.post('/say/info/first');
    await client.get('/page');
    const both = [client.post('/slow/info/saved'), client.post('/slow/error/failed')];
    await turnstile.holding(2);
    turnstile.open();
    await Promise.all(both);
    expect((await client.get('/page')).json()).toEqual({ info: ['saved'], error: ['failed'] });
  });

  it('a message that comes while a page takes the others is not lost with them', async () => {
    const turnstile = new Turnstile();
    const client = (await stack.start(routesOf(turnstile))).client();
    await client.post('/say/info/saved');
    const late = client.post('/slow/error/failed');
    await turnstile.holding(1);
    expect((await client.get('/page')).json()).toEqual({ info: ['saved'] });
    turnstile.open();
    await late;
    expect((await client.get('/page')).json()).toMatchObject({ error: ['failed'] });
  });
});

test('connect-flash writes nothing for a stranger until a message is said or asked for', async () => {
  const spy = spyOn(memoryStore());
  const app = await underSession.start(routesOf(new Turnstile()), { session: { store: spy.store } });
  await app.client().get('/empty');
  expect(spy.count('create')).toBe(0);
  // Its own doing: `req.flash()` puts an empty object into the session before it looks.
  await app.client().get('/page');
  expect(spy.count('create')).toBe(1);
});

/** The messages of the guide's own ten lines. */
const say = (req: Request, text: string): Promise<void> =>
  (dataOf(req) as Session).update<{ messages?: string[] }>((data) => {
    data.messages = [...(data.messages ?? []), text];
  });

async function takeMessages(req: Request): Promise<string[]> {
  if (!dataOf(req).messages) return [];
  let taken: string[] = [];
  await (dataOf(req) as Session).update<{ messages?: string[] }>((data) => {
    taken = data.messages ?? [];
    delete data.messages;
  });
  return taken;
}

describe('messages by update(), which needs no package', () => {
  const routes = (turnstile: Turnstile) => (app: Express) => {
    app.post('/say/:text', async (req, res) => {
      await turnstile.pass();
      await say(req, req.params.text);
      res.redirect(303, '/page');
    });
    app.get('/page', async (req, res) => {
      void dataOf(req).messages;
      await turnstile.pass();
      res.json(await takeMessages(req));
    });
  };

  it('those of requests that overlap are all kept, and two pages at once show each once', async () => {
    const turnstile = new Turnstile();
    const client = (await underSession.start(routes(turnstile))).client();
    const first = client.post('/say/first');
    await turnstile.holding(1);
    turnstile.open();
    await first;
    const said = ['second', 'third', 'fourth'].map((text) => client.post(`/say/${text}`));
    await turnstile.holding(3);
    turnstile.open();
    await Promise.all(said);
    const pages = [client.get('/page'), client.get('/page')];
    await turnstile.holding(2);
    turnstile.open();
    const shown = (await Promise.all(pages)).flatMap((page) => page.json<string[]>());
    expect(shown.sort()).toEqual(['first', 'fourth', 'second', 'third']);
  });

  it('a page without messages writes nothing', async () => {
    const turnstile = new Turnstile();
    const spy = spyOn(memoryStore());
    const client = (await underSession.start(routes(turnstile), { session: { store: spy.store } })).client();
    const page = client.get('/page');
    await turnstile.holding(1);
    turnstile.open();
    expect((await page).json()).toEqual([]);
    expect(spy.count('create')).toBe(0);
  });
});
