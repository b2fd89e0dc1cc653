/** A TCP proxy that can lose replies: the command arrives and runs, its answer does not, and the connection breaks. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface LossyLink {
  readonly url: string;
  /** From now on the next chunk that the server sends on a connection is dropped, and the connection with it. */
  loseReplies(lose: boolean): void;
  /** Resolves when a reply has been lost since the last call of `loseReplies(true)`. */
  lost(): Promise<void>;
  cut(): void;
  close(): Promise<void>;
}

export async function lossyLink(port: number): Promise<LossyLink> {
  const sockets = new Set<Socket>();
  let losing = false;
  let noticed: () => void = () => undefined;
  let lost = new Promise<void>(() => undefined);
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const pair = [near, far];
    const drop = (): void => {
      for (const socket of pair) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of pair) {
      sockets.add(socket);
      socket.on('error', drop).on('close', drop);
    }
    near.pipe(far);
    far.on('data', (chunk) => {
      if (!losing) return void near.write(chunk);
      drop();
      noticed();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseReplies(lose) {
      losing = lose;
      if (!lose) return;
      lost = new Promise((resolve) => {
        noticed = resolve;
      });
    },
    lost: () => lost,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
