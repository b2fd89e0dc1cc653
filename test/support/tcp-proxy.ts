/**
 * A link that fails on command, between a client and a real server on the loopback. Each direction by itself; nothing
 * here depends on time but `delay`.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `up` is what the client sends, `down` what the server answers. */
export type Direction = 'up' | 'down';

interface Lane {
  stalled: boolean;
  delayMs: number;
}

interface Plan {
  readonly match: (sent: Buffer) => boolean;
  readonly done: () => void;
}

class Link {
  readonly #lanes: Record<Direction, Lane>;
  readonly #held: Record<Direction, { at: number; readonly chunk: Buffer }[]> = { up: [], down: [] };
  readonly #ends: Record<Direction, Socket>;
  /** Once true, the next answer is thrown away and the link is cut. */
  doomed: (() => void) | undefined;
  /** Nothing passes any more, whatever becomes of the proxy: a link that a router has forgotten. */
  dead = false;

  constructor(
    client: Socket,
    server: Socket,
    lanes: Record<Direction, Lane>,
    onSent: (link: Link, sent: Buffer) => void,
  ) {
    this.#lanes = lanes;
    this.#ends = { up: server, down: client };
    client.on('data', (chunk) => {
      onSent(this, chunk);
      this.#carry('up', chunk);
    });
    server.on('data', (chunk) => {
      if (!this.doomed) return this.#carry('down', chunk);
      this.doomed();
      this.cut();
    });
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => this.dead || this.cut());
    }
  }

  cut(): void {
    for (const socket of Object.values(this.#ends)) socket.destroy();
  }

  flow(): void {
    for (const direction of ['up', 'down'] as const) {
      for (const piece of this.#held[direction]) piece.at = 0;
      this.#pass(direction);
    }
  }

  #carry(direction: Direction, chunk: Buffer): void {
    this.#held[direction].push({ at: performance.now() + this.#lanes[direction].delayMs, chunk });
    this.#pass(direction);
  }

  /** In their order, whatever delays came and went: bytes that overtake each other are no link's fault, but a lie. */
  #pass(direction: Direction): void {
    const held = this.#held[direction];
    while (!this.#lanes[direction].stalled && !this.dead) {
      const [first] = held;
      if (!first) return;
      const waitMs = first.at - performance.now();
      if (waitMs > 0) return void setTimeout(() => this.#pass(direction), waitMs);
      held.shift();
      const socket = this.#ends[direction];
      if (!socket.destroyed) socket.write(first.chunk);
    }
  }
}

export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #lanes: Record<Direction, Lane> = {
    up: { stalled: false, delayMs: 0 },
    down: { stalled: false, delayMs: 0 },
  };
  readonly #plans: Plan[] = [];
  #refusing = false;
  #target: number;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#target = targetPort;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => {
      if (this.#refusing) return void client.on('error', () => undefined).destroy();
      const upstream = connect(this.#target, '127.0.0.1');
      const link = new Link(client, upstream, this.#lanes, (from, sent) => this.#look(from, sent));
      this.#links.add(link);
      client.on('close', () => this.#links.delete(link));
    });
  }

  static async to(targetPort: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, targetPort);
  }

  /** Ends every connection, and every new one at once, until `heal`. */
  cut(): void {
    this.#refusing = true;
    for (const link of this.#links) link.cut();
  }

  /** Connections stay open, and nothing passes (in one direction, or in both) until `heal`. */
  stall(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : (['up', 'down'] as const)) {
      this.#lanes[direction].stalled = true;
    }
  }

  /** What there is of connections is dead for good and nobody is told; new ones work. */
  forget(): void {
    for (const link of this.#links) link.dead = true;
  }

  /** Cuts every connection, and leads new ones to another server, as a name does that moves with a failover. */
  lead(targetPort: number): void {
    this.#target = targetPort;
    for (const link of this.#links) link.cut();
  }

  /** Each piece of this direction is late by so much. */
  delay(ms: number, ...directions: Direction[]): void {
    for (const direction of directions) this.#lanes[direction].delayMs = ms;
  }

  /** The next command that matches reaches the server; its answer is thrown away and the connection cut. Resolves then. */
  loseReplyTo(match: (sent: Buffer) => boolean): Promise<void> {
    return new Promise((done) => this.#plans.push({ match, done }));
  }

  heal(): void {
    this.#refusing = false;
    this.#plans.length = 0;
    for (const lane of Object.values(this.#lanes)) Object.assign(lane, { stalled: false, delayMs: 0 });
    for (const link of this.#links) link.flow();
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #look(link: Link, sent: Buffer): void {
    const at = this.#plans.findIndex(({ match }) => match(sent));
    if (at !== -1) link.doomed = this.#plans.splice(at, 1)[0]?.done;
  }
}
