import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import express, { type Express } from 'express';
import request from 'supertest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryStore, session, sessionOf } from '../../src/index.js';
import { testSecret } from '../support/app.js';
import { tlsCertificate, tlsKey } from '../support/tls-proxy-certificate.js';

function app(): Express {
  const sessions = session({ secret: testSecret, store: memoryStore() });
  onTestFinished(() => sessions.close());
  const made = express();
  made.use(sessions);
  made.post('/login', async (req, res) => {
    await sessionOf(req).signIn('ada');
    res.sendStatus(204);
  });
  made.get('/account', sessions.require(), (req, res) => void res.send(`Hello ${sessionOf(req).info.owner}`));
  made.post('/logout', async (req, res) => {
    await sessionOf(req).signOut();
    res.sendStatus(204);
  });
  return made;
}

async function staysSignedIn(agent: ReturnType<typeof request.agent>): Promise<void> {
  await agent.get('/account').expect(401);
  await agent.post('/login').expect(204);
  await agent.get('/account').expect(200, 'Hello ada');
  await agent.get('/account').expect(200, 'Hello ada');
  await agent.post('/logout').expect(204);
  await agent.get('/account').expect(401);
}

describe('supertest', () => {
  it('request.agent(app) stays signed in from request to request, though each has a port of its own', () =>
    staysSignedIn(request.agent(app())));

  it('request.agent(server) stays signed in', async () => {
    const server = createServer(app()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    await staysSignedIn(request.agent(server));
  });

  it('an agent over https keeps the cookie with its prefix', async () => {
    const server = createHttpsServer({ key: tlsKey, cert: tlsCertificate }, app());
    const agent = request.agent(server).ca(tlsCertificate);
    await staysSignedIn(agent);
    const { headers } = await agent.post('/login');
    expect(headers['set-cookie']?.[0]).toMatch(/^__Host-Http-sid=[\w-]{92}; Path=\/; HttpOnly; Secure; SameSite=Lax$/i);
  });

  it('two agents of one app are two people', async () => {
    const made = app();
    const [ada, nobody] = [request.agent(made), request.agent(made)];
    await ada.post('/login').expect(204);
    await nobody.get('/account').expect(401);
    await ada.get('/account').expect(200);
  });
});
