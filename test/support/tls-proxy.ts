/** A proxy that ends TLS in front of an app, as nginx or a load balancer does, and a client that speaks https to it. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { tlsCertificate, tlsKey } from './tls-proxy-certificate.js';

export interface TlsProxy {
  readonly origin: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Passes everything on to `port` of loopback, with the headers that say how the request came. */
export async function startTlsProxy(port: number): Promise<TlsProxy> {
  const server = createServer({ key: tlsKey, cert: tlsCertificate }, (req, res) => {
    const headers = {
      ...req.headers,
      'x-forwarded-proto': 'https',
      'x-forwarded-for': req.socket.remoteAddress,
    };
    const onward = httpRequest({ host: '127.0.0.1', port, method: req.method, path: req.url, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
      // A response that is cut must not look complete to the client.
      answer.on('aborted', () => res.destroy());
    });
    onward.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
    req.pipe(onward);
  });
  // An upgraded connection is two sockets joined; the head goes on with the same two headers more.
  const joined = new Set<Duplex>();
  server.on('upgrade', (req, socket, rest) => {
    const onward = connect(port, '127.0.0.1');
    const lines = [`${req.method} ${req.url} HTTP/1.1`, 'X-Forwarded-Proto: https'];
    for (let at = 0; at < req.rawHeaders.length; at += 2)
      lines.push(`${req.rawHeaders[at]}: ${req.rawHeaders[at + 1]}`);
    onward.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    onward.write(rest);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      joined.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => joined.delete(one) && other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    origin: `https://localhost:${own}`,
    port: own,
    async close() {
      for (const socket of joined) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface TlsAnswer {
  readonly status: number;
  readonly setCookies: readonly string[];
  readonly text: string;
}

/** One request over TLS; a body is sent as a form. */
export function askTls(url: string, { cookie, form }: { cookie?: string; form?: Record<string, string> } = {}) {
  const body = form && new URLSearchParams(form).toString();
  return new Promise<TlsAnswer>((resolve, reject) => {
    const sent = httpsRequest(url, {
      ca: tlsCertificate,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(cookie === undefined ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
    });
    sent.on('error', reject);
    sent.on('response', (res: IncomingMessage) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => {
        text += chunk;
      });
      res.on('error', reject);
      res.on('end', () => resolve({ status: res.statusCode ?? 0, setCookies: res.headers['set-cookie'] ?? [], text }));
    });
    sent.end(body);
  });
}
