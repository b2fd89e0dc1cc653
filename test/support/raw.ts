import { connect } from 'node:net';

export interface RawAnswer {
  /** 0 where the connection was closed without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends bytes as they are, where an HTTP client would refuse to, and reads to the end of the connection. */
export function sendRaw(port: number, bytes: Uint8Array): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString('latin1');
      const at = text.indexOf('\r\n\r\n');
      const head = at === -1 ? text : text.slice(0, at);
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: text.slice(at + 4) });
    });
  });
}

/** A GET whose `Cookie` lines are these very bytes. */
export function getWithCookie(
  port: number,
  path: string,
  cookies: readonly (string | Uint8Array)[],
  headers: readonly string[] = [],
): Promise<RawAnswer> {
  const lines = [`GET ${path} HTTP/1.1`, `Host: localhost:${port}`, 'Connection: close', ...headers].join('\r\n');
  const parts = [Buffer.from(lines, 'latin1')];
  for (const cookie of cookies) {
    parts.push(
      Buffer.from('\r\nCookie: '),
      typeof cookie === 'string' ? Buffer.from(cookie, 'latin1') : Buffer.from(cookie),
    );
  }
  return sendRaw(port, Buffer.concat([...parts, Buffer.from('\r\n\r\n')]));
}
