/**
 * The bound: the least that a session can cost an Express app that keeps what holdfast promises of a record. A hand-written
 * middleware finds the cookie, asks the store, opens the record (AES-256-GCM), parses it, holds the response, writes and
 * seals what has changed, and stores it if the version is still the one that was read. It has no deadline, no merge, no
 * expiry, no ending, no cache, no error path, and sets no header. Not a row of the table: `--only floor-redis` asks for it.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { onExpress } from '../app.js';
import type { Shape } from '../sessions.js';
import type { Configuration, StoreGauge } from './configuration.js';
import { onRedis } from './on-redis.js';

interface Records {
  read(id: string): Promise<Buffer | null> | Buffer | null;
  /** Stores `bytes`, whose first 11 are their version, over a record of the version `expected`; over nothing for ''. */
  write(id: string, bytes: Buffer, expected: Buffer): unknown;
}

interface Opened {
  readonly records: Records;
  readonly store?: StoreGauge;
  close?(): Promise<void>;
}

const versionBytes = 11;
const nonceAt = versionBytes;
const tagAt = nonceAt + 12;
const textAt = tagAt + 16;
const nothing = Buffer.alloc(0);

function floor(name: string, packages: readonly string[], open: () => Opened | Promise<Opened>): Configuration {
  return {
    name: `floor-${name}`,
    title: `the bound, ${name}`,
    packages,
    open: onExpress(async (app) => {
      const { records, store, close } = await open();
      const key = createSecretKey(randomBytes(32));

      const seal = (text: string): Buffer => {
        const head = randomBytes(tagAt);
        const cipher = createCipheriv('aes-256-gcm', key, head.subarray(nonceAt), { authTagLength: 16 });
        const sealed = cipher.update(text, 'utf8');
        cipher.final();
        const bytes = Buffer.allocUnsafe(textAt + sealed.length);
        head.copy(bytes);
        cipher.getAuthTag().copy(bytes, tagAt);
        sealed.copy(bytes, textAt);
        return bytes;
      };

      const unseal = (bytes: Buffer): string => {
        const nonce = bytes.subarray(nonceAt, tagAt);
        const opening = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
        opening.setAuthTag(bytes.subarray(tagAt, textAt));
        const text = opening.update(bytes.subarray(textAt));
        opening.final();
        return text.toString();
      };

      app.use((req, res, next) => {
        const cookie = req.headers.cookie ?? '';
        const at = cookie.indexOf('floor=');
        if (at === -1) return next();
        const semicolon = cookie.indexOf(';', at);
        const id = cookie.slice(at + 6, semicolon === -1 ? undefined : semicolon);
        const found = (bytes: Buffer | null) => {
          if (bytes === null) return next();
          const text = unseal(bytes);
          const session = JSON.parse(text) as Partial<Shape>;
          (req as Held).held = session;
          const { end } = res;
          res.end = function endAfterCommit(this: Response, ...args: unknown[]) {
            const go = () => void Reflect.apply(end, res, args);
            const now = JSON.stringify(session);
            if (now === text) go();
            else {
              const stored = records.write(id, seal(now), bytes.subarray(0, versionBytes));
              if (stored instanceof Promise) stored.then(go, next);
              else go();
            }
            return this;
          } as typeof end;
          next();
        };
        const read = records.read(id);
        if (read instanceof Promise) read.then(found).catch(next);
        else found(read);
      });

      return {
        store,
        async begin(_, res, __, data) {
          const id = randomBytes(69).toString('base64url');
          await records.write(id, seal(JSON.stringify(data)), nothing);
          res.setHeader('Set-Cookie', `floor=${id}; Path=/; HttpOnly; SameSite=Lax`);
        },
        of: (req) => (req as Held).held ?? {},
        close: async () => close?.(),
      };
    }),
  };
}

type Held = Request & { held?: Partial<Shape> };

const script = `local version = redis.call('GETRANGE', KEYS[1], 0, ${versionBytes - 1})
if version ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[3])
return 1`;

export const floorRedis = floor('redis', ['redis'], async () => {
  const opened = await onRedis(async (client) => {
    const sha = await client.scriptLoad(script);
    const options = { typeMapping: { 36: Buffer }, timeout: undefined };
    const send = (args: (string | Buffer)[]) => client.sendCommand<Buffer | null>(args, options as never);
    return {
      read: (id: string) => send(['GET', id]),
      write: (id: string, bytes: Buffer, expected: Buffer) =>
        send(['EVALSHA', sha, '1', id, bytes, expected, String(Date.now() + 3_600_000)]),
    };
  });
  return { ...opened, records: opened.made };
});

export const floorMemory = floor('memory', [], () => {
  const kept = new Map<string, Buffer>();
  return {
    records: {
      read: (id) => kept.get(id) ?? null,
      write(id, bytes, expected) {
        const now = kept.get(id);
        if (expected.length > 0 && !now?.subarray(0, versionBytes).equals(expected)) return;
        kept.set(id, bytes);
      },
    },
  };
});
