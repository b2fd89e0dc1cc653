/** Sends the script to both apps, and says where the answers are not the same. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { type Answer, Client } from '../support/client.js';
import type { Turnstile } from '../support/turnstile.js';
import type { Ask, Step } from './traffic.js';

/** What of an answer is compared. */
export interface Seen {
  readonly status: number | 'cut';
  readonly body: string;
  readonly type: string | undefined;
  readonly location: string | undefined;
  /** Headers of caches, where there are any. */
  readonly caching: string;
  /** What became of the session's cookie. */
  readonly cookie: 'kept' | 'cleared' | `${'set' | 'set again'}${'' | ' for longer'}`;
  readonly attributes: string;
  /** What else is set. */
  readonly otherCookies: string;
  readonly otherHeaders: string;
}

export interface Difference {
  readonly ask: Ask;
  readonly field: keyof Seen;
  readonly theirs: unknown;
  readonly ours: unknown;
}

export interface Side {
  run(steps: readonly Step[]): Promise<readonly (readonly [Ask, Seen])[]>;
  close(): Promise<void>;
}

const told = ['x-mine', 'allow', 'content-length', 'transfer-encoding', 'clear-site-data'];

export async function side(app: Express, turnstile: Turnstile, nameOn: (port: number) => string): Promise<Side> {
  const server = createServer(app);
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const name = nameOn(port);
  const clients = new Map<string, Client>();
  const clientOf = (who: string): Client => {
    const client = clients.get(who) ?? new Client(`http://127.0.0.1:${port}`);
    clients.set(who, client);
    return client;
  };
  const send = async (ask: Ask): Promise<Seen> => {
    const client = clientOf(ask.who);
    const before = client.jar.get(name);
    const cookie = ask.cookie && `${name}=${ask.cookie(before ?? '')}`;
    const { body } = ask;
    const sent = client.send(ask.method, ask.path, {
      ...(cookie === undefined ? {} : { cookie }),
      ...(body === undefined ? {} : { body }),
    });
    return sent.then(
      (answer) => seen(answer, name, before),
      () => ({ ...seen(undefined, name, before), status: 'cut' as const }),
    );
  };
  return {
    async run(steps) {
      const all: (readonly [Ask, Seen])[] = [];
      for (const { asks, meanwhile } of steps) {
        const held = asks[0]?.path.startsWith('/held/') ?? false;
        const answers = asks.map(send);
        if (held) await turnstile.holding(asks.length);
        if (meanwhile) all.push([meanwhile, await send(meanwhile)]);
        if (held) turnstile.open();
        for (const [at, answer] of (await Promise.all(answers)).entries()) all.push([asks[at] as Ask, answer]);
      }
      return all;
    },
    async close() {
      for (const client of clients.values()) client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function seen(answer: Answer | undefined, name: string, before: string | undefined): Seen {
  const lines = answer?.setCookies ?? [];
  const mine = lines.filter((line) => line.startsWith(`${name}=`));
  const line = mine.at(-1);
  const value = line?.slice(name.length + 1).split(';', 1)[0];
  const cleared = line !== undefined && (value === '' || /Max-Age=0|Expires=Thu, 01 Jan 1970/i.test(line));
  const lasting = /; (?:Max-Age|Expires)=/i.test(line ?? '') ? ' for longer' : '';
  const { headers = {} } = answer ?? {};
  return {
    status: answer?.status ?? 0,
    body: answer?.text ?? '',
    type: headers['content-type'],
    location: headers.location,
    caching: [headers['cache-control'] ?? '', headers.vary ?? ''].join('|'),
    cookie: line === undefined ? 'kept' : cleared ? 'cleared' : `${value === before ? 'set again' : 'set'}${lasting}`,
    attributes:
      line === undefined || cleared
        ? ''
        : line
            .split('; ')
            .slice(1)
            .filter((one) => !/^(?:Max-Age|Expires)=/i.test(one))
            .sort()
            .join('; '),
    otherCookies: lines.filter((one) => !one.startsWith(`${name}=`)).join(', '),
    otherHeaders: told.flatMap((one) => (headers[one] === undefined ? [] : [`${one}: ${headers[one]}`])).join(', '),
  };
}

export function differencesOf(theirs: readonly (readonly [Ask, Seen])[], ours: typeof theirs): Difference[] {
  return theirs.flatMap(([ask, them], at) => {
    const [, us] = ours[at] as readonly [Ask, Seen];
    return (
      (Object.keys(them) as (keyof Seen)[])
        .filter((field) => them[field] !== us[field])
        .filter((field) => field !== 'attributes' || (them.attributes !== '' && us.attributes !== ''))
        // Another body has another length.
        .filter((field) => field !== 'otherHeaders' || (them.status === us.status && them.body === us.body))
        .map((field) => ({ ask, field, theirs: them[field], ours: us[field] }))
    );
  });
}
