/** The office (office.ts) and the people who use it from a browser: each form that they send has the token of its page. */
import type { Answer, Client } from '../support/client.js';
import { type Environment, sharedDemo } from '../support/demo.js';

export const sharedOffice = (env: Environment = {}) => sharedDemo(env, 'test/compliance/office.ts');

const people: Record<string, { readonly password: string; readonly code: string }> = {
  ada: { password: 'correct horse battery staple', code: '111111' },
  grace: { password: 'nanoseconds of copper wire', code: '222222' },
  root: { password: 'an administrator of this office', code: '999999' },
};
export const codeOf = (name: string): string => people[name]?.code ?? '';

export interface OfficeView {
  readonly id: string;
  readonly owner: string | null;
  readonly aal: number;
  readonly pending: string | null;
  readonly scopes: readonly string[];
  readonly endsAt?: string;
}

export const view = async (client: Client): Promise<OfficeView> => (await client.get('/session')).json<OfficeView>();
export const isIn = async (client: Client): Promise<boolean> => (await view(client)).owner !== null;

/** Name and value of the session's cookie; beside it there is that of a page's forms. */
export function sessionCookie(client: Client): [name: string, token: string] {
  const found = [...client.jar].find(([name]) => /sid/.test(name) && !/csrf/i.test(name));
  if (!found) throw new Error(`no session cookie among: ${[...client.jar.keys()].join(', ')}`);
  return found;
}

/** The token that a page got now. */
export const formToken = async (client: Client): Promise<string> =>
  (await client.get('/form')).json<{ token: string }>().token;

export async function send(client: Client, path: string, fields: Record<string, string> = {}): Promise<Answer> {
  return sendWith(client, path, { ...fields, _csrf: await formToken(client) });
}

/** A form with just these fields, as the browser of a page with these headers sends it. */
export function sendWith(
  client: Client,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return client.post(path, {
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
}

/** The first step of a sign-in. */
export const giveName = (client: Client, name: string): Promise<Answer> =>
  send(client, '/login', { username: name, password: people[name]?.password ?? '' });

/** Both steps. */
export async function enter(client: Client, name: string): Promise<Client> {
  await giveName(client, name);
  const { status } = await send(client, '/login/code', { code: codeOf(name) });
  if (status !== 204) throw new Error(`signing in failed: ${status}`);
  return client;
}
