/** Random orders of calls on a response: with the gate each gives back, throws and sends what it does without. */
import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  gated,
  get,
  type Handler,
  http2Request,
  Log,
  type Running,
  rawRequest,
  serve,
  timeless,
  turns,
  until,
} from './support.js';

type Step =
  | { do: 'write' | 'end'; body: string }
  | { do: 'setHeader' | 'appendHeader' | 'removeHeader'; name: string; value: string }
  | { do: 'writeHead'; status: number; headers: Record<string, string> | undefined }
  | { do: 'flushHeaders' | 'pause' | 'read' }
  | { do: 'statusCode'; status: number };

const body = fc.constantFrom('', 'a', 'hello', 'ä', 'x'.repeat(3_000));
const name = fc.constantFrom('X-A', 'x-a', 'X-B', 'Set-Cookie', 'Vary', 'Link');
const value = fc.constantFrom('1', 'two', 'a=1; Path=/');
const status = fc.constantFrom(200, 201, 204, 304, 404, 500);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('write', 'end'), body }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('setHeader', 'appendHeader', 'removeHeader'), name, value }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('writeHead'),
      status: fc.oneof({ weight: 5, arbitrary: status }, { weight: 1, arbitrary: fc.constantFrom(0, 99, 100_000) }),
      headers: fc.option(fc.dictionary(fc.constantFrom('X-A', 'x-c', 'Set-Cookie'), value, { maxKeys: 2 }), {
        nil: undefined,
      }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('flushHeaders', 'pause', 'read') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('statusCode'), status }) },
) as fc.Arbitrary<Step>;

/** Runs the steps, ends the response if they did not, and notes all that each gave back or threw. */
function run(steps: readonly Step[], notes: unknown[], over: () => void): Handler {
  return async (_req, res) => {
    res.on('error', () => {});
    for (const at of steps) {
      if (at.do === 'pause') await new Promise((next) => setImmediate(next));
      else {
        try {
          notes.push([at.do, plain(perform(at, res), res)]);
        } catch (error) {
          notes.push([at.do, (error as NodeJS.ErrnoException).code]);
        }
      }
    }
    if (!res.writableEnded) res.end('.');
    notes.push(res.writableEnded, res.headersSent);
    over();
  };
}

const plain = (answer: unknown, res: ServerResponse): unknown => (answer === res ? 'response' : answer);

/** Bytes over HTTP/2, where Node 20 sends other memory for text that is written several times in one turn. */
const bodyFor = (res: ServerResponse, body: string): string | Buffer =>
  res.req.httpVersionMajor === 2 ? Buffer.from(body) : body;

function perform(at: Step, res: ServerResponse): unknown {
  switch (at.do) {
    case 'write':
      return res.write(bodyFor(res, at.body));
    case 'end':
      return res.end(bodyFor(res, at.body));
    case 'setHeader':
      return res.setHeader(at.name, at.value);
    case 'appendHeader':
      return res.appendHeader(at.name, at.value);
    case 'removeHeader':
      return res.removeHeader(at.name);
    case 'writeHead':
      return res.writeHead(at.status, at.headers);
    case 'flushHeaders':
      return res.flushHeaders();
    case 'statusCode':
      res.statusCode = at.status;
      return res.statusCode;
    default:
      return [res.headersSent, res.writableEnded, res.statusCode];
  }
}

describe.each(['http', 'http2'] as const)('random calls over %s', (protocol) => {
  let running: Running;
  let handler: Handler = (_req, res) => res.end();
  let commit: (() => void | Promise<void>) | undefined;

  beforeAll(async () => {
    running = await serve(protocol, (req, res) => {
      if (commit === undefined) return handler(req, res);
      const asked = commit;
      return gated(handler, () => new Log(asked))(req, res);
    });
  });
  afterAll(() => running.close());

  async function outcome(steps: readonly Step[]): Promise<unknown> {
    const notes: unknown[] = [];
    let over = false;
    handler = run(steps, notes, () => {
      over = true;
    });
    if (protocol === 'http2') {
      const { headers, body: text, ended } = await http2Request(running.port).closed;
      await until(() => over);
      await turns(8);
      return { answer: { headers, text, ended }, notes };
    }
    const answer = timeless(await rawRequest('http', running.port, get()).closed);
    await until(() => over);
    await turns(8);
    return { answer, notes };
  }

  // Over HTTP/2 a call after the end, or after a head that ends the stream, meets a stream that may be gone already,
  // with the gate or without; and a status that it refuses stays, and is refused again by each call.
  const sequence = fc
    .array(step, { maxLength: 9 })
    .map((steps) => (protocol === 'http2' ? steps.slice(0, steps.findIndex((at) => at.do === 'end') + 1 || 9) : steps))
    .filter(
      (steps) =>
        protocol === 'http' || steps.every((at) => !('status' in at) || [200, 201, 404, 500].includes(at.status)),
    );

  test.each<[string, () => void | Promise<void>]>([
    ['nothing to wait for', () => undefined],
    ['a commit that is over at once', async () => {}],
    ['a commit that takes some turns', () => turns(3)],
  ])('%s', async (_title, gate) => {
    await fc.assert(
      fc.asyncProperty(sequence, async (steps) => {
        commit = undefined;
        const bare = await outcome(steps);
        commit = gate;
        expect(await outcome(steps)).toEqual(bare);
      }),
      { numRuns: protocol === 'http' ? 250 : 100 },
    );
  });
});
