import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from './clock.js';
import { Events } from './events.js';
import { StoreGuard } from './store-guard.js';

/** A server in a thread of its own, which goes on while this one stands still. `flag` is 1 once it has answered. */
const answering = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer((socket) => {
    socket.on('data', () =>
      socket.write('there', () => {
        Atomics.store(workerData, 0, 1);
        Atomics.notify(workerData, 0);
      }),
    );
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

function standStillUntil(moment: number): void {
  while (performance.now() <= moment);
}

describe('the system clock', () => {
  test('holds no deadline against an answer that arrived in time, while the process stood still', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(answering, { eval: true, workerData: flag });
    onTestFinished(() => void worker.terminate());
    const [port] = (await once(worker, 'message')) as [number];
    const socket = connect({ port, host: '127.0.0.1' });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');

    const deadlineMs = 50;
    const guard = new StoreGuard('test', deadlineMs, systemClock, new Events(Date.now));
    const until = performance.now() + deadlineMs;
    const answer = guard.call('read', () => once(socket, 'data').then(([bytes]) => String(bytes)));
    socket.write('?');
    // The thread stands still: first until the answer lies in its socket, then past the deadline.
    Atomics.wait(flag, 0, 0);
    standStillUntil(until + 1);
    expect(await answer).toBe('there');
  });

  test('calls off what is to run also in the turn in which it is due', async () => {
    let ran = false;
    const cancel = systemClock.after(0, () => {
      ran = true;
    });
    const called = new Promise<void>((resolve) => setTimeout(() => resolve(cancel()), 1));
    // Both timers are due now, and run one after the other.
    standStillUntil(performance.now() + 5);
    await called;
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(ran).toBe(false);
  });
});
