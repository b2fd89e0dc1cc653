/**
 * The server process: one configuration on a loopback port. It is bundled to plain JavaScript before it is started, so
 * that no loader sits between Node and what is measured, and it ends with the harness, whatever becomes of that.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session as Inspector } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bounds, configurations } from './configurations/index.js';
import type { Answer, Question } from './protocol.js';
import type { Seen } from './sessions.js';
import { trafficFrom, watchSockets } from './traffic.js';

const [name = '', folder = '', recordBytes = ''] = process.argv.slice(2);
const say = (answer: Answer): void => void process.send?.(answer);

try {
  await serve();
} catch (error) {
  say({ say: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.disconnect?.();
}

async function serve(): Promise<void> {
  const configuration = [...configurations, ...bounds].find((one) => one.name === name);
  if (!configuration) throw new Error(`There is no configuration '${name}'.`);
  watchSockets();
  const seen: Seen = { handled: 0, hits: 0 };
  const opened = await configuration.open({ folder, recordBytes: Number(recordBytes) }, seen);
  const gauge = opened.store ?? {};
  const server = createServer(opened.listener);
  let inspector: Inspector | undefined;
  let before = process.cpuUsage();
  let traffic: Awaited<ReturnType<typeof trafficFrom>> | undefined;

  const start = async (profile: boolean): Promise<void> => {
    if (profile) {
      inspector = new Inspector();
      inspector.connect();
      await inspector.post('Profiler.enable');
      await inspector.post('Profiler.setSamplingInterval', { interval: 200 });
      await inspector.post('Profiler.start');
    }
    traffic = await trafficFrom(gauge);
    seen.handled = 0;
    seen.hits = 0;
    before = process.cpuUsage();
    say({ say: 'started' });
  };

  const stop = async (): Promise<void> => {
    const { user, system } = process.cpuUsage(before);
    const counts = { ...seen };
    const rssBytes = process.memoryUsage.rss();
    const passed = (await traffic?.()) ?? { sentBytes: 0, receivedBytes: 0 };
    const measured = { say: 'measured' as const, cpuUs: user + system, rssBytes, ...counts, ...passed };
    if (!inspector) return say(measured);
    const { profile } = await inspector.post('Profiler.stop');
    inspector.disconnect();
    inspector = undefined;
    const file = join(folder, 'server.cpuprofile');
    writeFileSync(file, JSON.stringify(profile));
    say({ ...measured, profile: file });
  };

  const weigh = async (): Promise<void> => {
    // Twice: what a finalizer or a weak reference lets go of is collected by the second.
    for (let pass = 0; pass < 2; pass++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    const storeBytes = await gauge.bytes?.();
    say({
      say: 'weighed',
      heapBytes: heapUsed + external,
      rssBytes: rss,
      ...(storeBytes !== undefined && { storeBytes }),
    });
  };

  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    // The load breaks off with requests under way; their handlers still wait for a store that is about to go.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await opened.close();
    // The harness removes it too, unless it was killed.
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  };

  process.on('message', (question: Question) => {
    if (question.ask === 'start') void start(question.profile === true);
    else if (question.ask === 'stop') void stop();
    else if (question.ask === 'weigh') void weigh();
    else void close();
  });
  process.on('disconnect', () => void close());
  // An interrupt in a terminal reaches the whole group; the harness then closes the servers in its own order.
  process.on('SIGINT', () => {});
  server.listen(0, '127.0.0.1', () => say({ say: 'ready', port: (server.address() as AddressInfo).port }));
}
