/**
 * Ports for what has to come back where it was, and for addresses at which nobody listens. A port that the system gave is
 * no such: while nobody holds it, it may give it to the next who asks, and on a busy machine somebody always asks. These
 * are from below where systems begin to give, and each is claimed: the test process that has one holds the UDP port of
 * the same number until it ends.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Below 22,768, because a server of a Redis cluster also takes the port that is 10,000 higher, and systems give from 32,768 on. */
const lowest = 12_000;
const count = 10_000;

/** Elsewhere in each process, so that they seldom try what another one has. */
let next = Math.floor(Math.random() * count);

/** A port on which nobody listens, of which no other test process is told. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < count; tries++) {
    const port = lowest + (next++ % count);
    if ((await claimed(port)) && (await unused(port))) return port;
  }
  throw new Error(`no free port from ${lowest} to ${lowest + count - 1}`);
}

function claimed(port: number): Promise<boolean> {
  const claim = createSocket('udp4');
  return new Promise((resolve) => {
    claim.once('error', () => claim.close(() => resolve(false)));
    claim.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      claim.unref();
      resolve(true);
    });
  });
}

/** On any address: a server that listens on all of them would meet one that has this port on a single one. */
function unused(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, () => probe.close(() => resolve(true)));
  });
}
