import { describe, expect, test } from 'vitest';
import { answers } from './answers.js';
import {
  deferred,
  gated,
  get,
  type Handler,
  http2Request,
  Log,
  type Protocol,
  rawRequest,
  serve,
  timeless,
  turns,
  until,
} from './support.js';

async function answerOf(protocol: Protocol, listener: Parameters<typeof serve>[1], method = 'GET'): Promise<unknown> {
  const running = await serve(protocol, listener);
  try {
    if (protocol === 'http2') return await http2Request(running.port, method).closed;
    return timeless(await rawRequest(protocol, running.port, get('/', method)).closed);
  } finally {
    await running.close();
  }
}

const protocols: Protocol[] = ['http', 'https', 'http2'];
const cases = Object.entries(answers).flatMap(([name, { handler, http1, method }]) =>
  protocols
    .filter((protocol) => protocol !== 'http2' || !http1)
    .map((protocol) => ({ name, protocol, handler, method: method ?? 'GET' })),
);

/** Ways for a commit to take place that let the response through. */
const commits: Record<string, () => Log> = {
  'with nothing to wait for': () => new Log(),
  'that is over at once': () => new Log(async () => {}),
  'that takes some turns': () => new Log(() => turns(5)),
};

describe.each(Object.keys(commits))('a commit %s', (commit) => {
  test.each(cases)('leaves the answer as it was: $name, $protocol', async ({ protocol, handler, method }) => {
    const bare = await answerOf(protocol, handler, method);
    let log = new Log();
    const listener = gated(handler, () => {
      log = (commits[commit] as () => Log)();
      return log;
    });
    expect(await answerOf(protocol, listener, method)).toEqual(bare);
    expect(log.events[0]).toBe('head');
    expect(log.events.at(-1)).toBe('done');
    expect(log.events.filter((event) => event === 'head' || event === 'done')).toEqual(['head', 'done']);
  });
});

const informational = (name: string): boolean => /hints|102/.test(name);

describe('until the commit is over', () => {
  test.each(cases.filter(({ name }) => !informational(name)))(
    'no byte leaves: $name, $protocol',
    async ({ protocol, handler, method }) => {
      const gate = deferred();
      let asked = false;
      const log = new Log(() => {
        asked = true;
        return gate.promise;
      });
      const running = await serve(
        protocol,
        gated(handler, () => log),
      );
      if (protocol === 'http2') {
        const request = http2Request(running.port, method);
        await until(() => asked);
        await turns();
        expect(request.headed()).toBe(false);
        gate.resolve();
        expect((await request.closed).ended).toBe(true);
      } else {
        const request = rawRequest(protocol, running.port, get('/', method));
        await until(() => asked);
        await turns();
        expect(request.received()).toBe('');
        gate.resolve();
        expect(await request.closed).toMatch(/^HTTP\/1\.1 [234]/);
      }
      await running.close();
    },
  );
});

describe('a commit that fails', () => {
  const answerError = (res: Parameters<Handler>[1]): void => {
    res.statusCode = 503;
    res.setHeader('X-Error', 'yes');
    res.end('no session');
  };
  const bareError: Handler = (_req, res) => answerError(res);
  const failures: Record<string, () => void | Promise<void>> = {
    'at once': () => {
      throw new Error('store');
    },
    later: () => turns(3).then(() => Promise.reject(new Error('store'))),
  };

  for (const [when, commit] of Object.entries(failures)) {
    test.each(cases.filter(({ name }) => !informational(name)))(
      `${when} gives the error handler's answer and nothing of the handler's: $name, $protocol`,
      async ({ protocol, handler, method }) => {
        const expected = await answerOf(protocol, bareError, method);
        const events: string[][] = [];
        const listener = gated(
          (req, res) => Promise.resolve(handler(req, res)).catch(() => {}),
          (res) => {
            const log = new Log(commit, () => answerError(res));
            events.push(log.events);
            return log;
          },
        );
        expect(await answerOf(protocol, listener, method)).toEqual(expected);
        await turns();
        expect(events).toEqual([['head', 'failed']]);
      },
    );
  }
});
