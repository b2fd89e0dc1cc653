/** A browser's jar over TLS, and the demo in production behind a proxy that ends it. */
import { afterAll, beforeAll } from 'vitest';
import { type Demo, startDemo } from '../support/demo.js';
import { askTls, startTlsProxy, type TlsAnswer } from '../support/tls-proxy.js';

export interface SecureDemo {
  readonly demo: Demo;
  readonly origin: string;
}

export const production = { NODE_ENV: 'production', SESSION_SECRET: 'a-s3cret-0f-th3-t3sts-qVJm8tZbQ2wXe5Lr' };

export function sharedSecureDemo(): () => SecureDemo {
  const endings: (() => Promise<void> | void)[] = [];
  let started: SecureDemo | undefined;
  beforeAll(async () => {
    const demo = await startDemo({ ...production, TRUST_PROXY: '1' }, (ending) => endings.push(ending));
    const proxy = await startTlsProxy(demo.port);
    endings.push(() => proxy.close());
    started = { demo, origin: proxy.origin };
  });
  afterAll(async () => {
    for (const ending of endings.reverse()) await ending();
  });
  return () => started as SecureDemo;
}

export class TlsClient {
  readonly #origin: string;
  cookie = '';

  constructor(origin: string) {
    this.#origin = origin;
  }

  async ask(path: string, form?: Record<string, string>): Promise<TlsAnswer> {
    const answer = await askTls(this.#origin + path, {
      ...(this.cookie === '' ? {} : { cookie: this.cookie }),
      ...(form === undefined ? {} : { form }),
    });
    for (const line of answer.setCookies) this.cookie = line.split(';', 1)[0] ?? '';
    return answer;
  }
}
