import { createServer, get, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { compileFunction } from 'node:vm';
import express from 'express';
import { expect, test } from 'vitest';
import { shedShapes } from './shape.js';

setFlagsFromString('--allow-natives-syntax');
const hasShape = compileFunction('return %HasFastProperties(object)', ['object']) as (object: object) => boolean;
const suffers = Number.parseInt(process.versions.node, 10) < 24;

interface Seen {
  readonly shapes: readonly boolean[];
  readonly before: readonly unknown[];
  readonly after: readonly unknown[];
}

const state = (req: IncomingMessage, res: ServerResponse): unknown[] => [
  req.complete,
  res.sendDate,
  Object.keys(req).sort(),
  Object.keys(res).sort(),
];

/** What one request of a real server shows of its objects. */
async function seen(through: (listener: RequestListener) => RequestListener): Promise<Seen> {
  let found: Seen | undefined;
  const server = createServer(
    through((req, res) => {
      const before = state(req, res);
      shedShapes(req, res);
      found = { shapes: [hasShape(req), hasShape(res)], before, after: state(req, res) };
      res.end();
    }),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => get({ host: '127.0.0.1', port, agent: false }, (res) => res.resume().on('end', done)));
  await new Promise((closed) => server.close(closed));
  return found as Seen;
}

const byExpress = (listener: RequestListener): RequestListener => express().use(listener) as unknown as RequestListener;

test('a request of Express and its response have no hidden class where each would have one of its own', async () => {
  expect((await seen(byExpress)).shapes).toEqual([!suffers, !suffers]);
});

test('nothing else of them changes', async () => {
  const { before, after } = await seen(byExpress);
  expect(after).toEqual(before);
});

test('those of plain Node keep theirs', async () => {
  expect((await seen((listener) => listener)).shapes).toEqual([true, true]);
});

test('a property that somebody has made another one stays as they made it', async () => {
  let complete = false;
  const accessor: PropertyDescriptor = {
    get: () => complete,
    set: (value: boolean) => {
      complete = value;
    },
    configurable: true,
    enumerable: true,
  };
  const hidden: PropertyDescriptor = { value: true, writable: true, configurable: true, enumerable: false };
  const fixed: PropertyDescriptor = { value: true, writable: false, configurable: true, enumerable: true };
  for (const [ofReq, ofRes] of [
    [accessor, hidden],
    [hidden, fixed],
  ] as const) {
    let found: unknown;
    await seen((listener) =>
      byExpress((req, res) => {
        Object.defineProperty(req, 'complete', ofReq);
        Object.defineProperty(res, 'sendDate', ofRes);
        listener(req, res);
        found = [Object.getOwnPropertyDescriptor(req, 'complete'), Object.getOwnPropertyDescriptor(res, 'sendDate')];
      }),
    );
    expect(found).toEqual([ofReq, ofRes]);
  }
});
