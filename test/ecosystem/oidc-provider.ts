/**
 * An OpenID provider on loopback, as small as the specification lets it be: the authorization code flow with PKCE, a
 * signed id_token, userinfo and sign-out. A person who is signed in there approves of everything.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { onTestFinished } from 'vitest';

interface Grant {
  readonly client: string;
  readonly redirect: string;
  readonly nonce: string | undefined;
  readonly challenge: string | undefined;
}

export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who is signed in at the provider's. */
  person: string;
}

export async function startProvider(): Promise<Provider> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [codes, tokens] = [new Map<string, Grant>(), new Map<string, string>()];
  const app = express();
  app.use(express.urlencoded({ extended: false }));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider: Provider = { issuer, clientId: 'the-app', clientSecret: 'a secret of the app', person: 'ada' };

  app.get('/.well-known/openid-configuration', (_req, res) => {
    res.json({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      end_session_endpoint: `${issuer}/logout`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    });
  });
  app.get('/jwks', (_req, res) => {
    res.json({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] });
  });
  app.get('/authorize', (req, res) => {
    const asked = req.query as Record<string, string | undefined>;
    const back = new URL(asked.redirect_uri ?? '');
    const code = randomBytes(16).toString('hex');
    codes.set(code, {
      client: asked.client_id ?? '',
      redirect: back.href,
      nonce: asked.nonce,
      challenge: asked.code_challenge,
    });
    back.searchParams.set('code', code);
    if (asked.state !== undefined) back.searchParams.set('state', asked.state);
    res.redirect(back.href);
  });
  app.post('/token', (req, res) => {
    const { code, redirect_uri, code_verifier } = req.body as Record<string, string>;
    const grant = codes.get(code ?? '');
    codes.delete(code ?? '');
    const basic = Buffer.from(req.headers.authorization?.slice(6) ?? '', 'base64')
      .toString()
      .split(':');
    const [id, secret] = basic.length === 2 ? basic.map(decodeForm) : [req.body.client_id, req.body.client_secret];
    const proved =
      grant?.challenge === undefined ||
      createHash('sha256')
        .update(code_verifier ?? '')
        .digest('base64url') === grant.challenge;
    if (!grant || !proved || id !== grant.client || secret !== provider.clientSecret || redirect_uri !== grant.redirect)
      return void res.status(400).json({ error: 'invalid_grant' });
    const access = randomBytes(16).toString('hex');
    tokens.set(access, provider.person);
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: id, sub: provider.person, iat: now, exp: now + 300, nonce: grant.nonce };
    res.json({ access_token: access, token_type: 'Bearer', expires_in: 300, id_token: signed(claims) });
  });
  app.get('/userinfo', (req, res) => {
    const person = tokens.get(req.headers.authorization?.slice(7) ?? '');
    if (person === undefined) res.sendStatus(401);
    else res.json({ sub: person });
  });
  app.get('/logout', (req, res) => res.redirect(String(req.query.post_logout_redirect_uri ?? '/')));

  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = (claims: object): string => {
    const head = `${part({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${part(claims)}`;
    return `${head}.${sign('sha256', Buffer.from(head), privateKey).toString('base64url')}`;
  };
  return provider;
}

/** RFC 6749 section 2.3.1: the two halves of the Basic credentials are form-encoded. */
const decodeForm = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));
