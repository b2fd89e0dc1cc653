/** What the server process sends to its store and receives from it: counted at the sockets that it opens. */
import { Socket } from 'node:net';
import type { StoreGauge } from './configurations/configuration.js';

export interface Traffic {
  readonly commands?: Readonly<Record<string, number>>;
  readonly storeCpuUs?: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

const sockets = new Set<Socket>();

/** To be called before anything connects. Not by `net.client.socket`: pg makes its sockets before it connects them, unheard there. */
export function watchSockets(): void {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: never[]): Socket {
    sockets.add(this);
    return Reflect.apply(connect, this, args);
  } as typeof connect;
}

function bytes(): { sent: number; received: number } {
  let [sent, received] = [0, 0];
  for (const socket of sockets) {
    sent += socket.bytesWritten;
    received += socket.bytesRead;
  }
  return { sent, received };
}

/** Answers what has passed since. The gauge is asked outside of the window of bytes, so that its own are not among them. */
export async function trafficFrom(gauge: StoreGauge): Promise<() => Promise<Traffic>> {
  const before = await gauge.commands?.();
  const cpuBefore = await gauge.cpuUs?.();
  const start = bytes();
  return async () => {
    const { sent, received } = bytes();
    const cpuAfter = await gauge.cpuUs?.();
    const after = await gauge.commands?.();
    return {
      sentBytes: sent - start.sent,
      receivedBytes: received - start.received,
      ...(cpuBefore !== undefined && cpuAfter !== undefined && { storeCpuUs: cpuAfter - cpuBefore }),
      ...(before && after && { commands: grown(before, after) }),
    };
  };
}

export function grown(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const pairs = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(pairs.filter(([, count]) => count > 0));
}
