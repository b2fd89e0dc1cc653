/** People and their passwords. In an app of your own this is a table; limit the attempts per name and address too. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** As strong as OWASP's first choice (N = 2^17, p = 1), with an eighth of its memory. */
const cost: ScryptOptions = { N: 2 ** 14, r: 8, p: 5 };

interface Credential {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

export class Users {
  readonly #credentials = new Map<string, Credential>();
  /** What is compared with for an unknown name. No password has this hash. */
  readonly #decoy: Credential = { salt: randomBytes(16), hash: randomBytes(32) };

  /** A new person, or a new password. */
  async set(name: string, password: string): Promise<void> {
    const salt = randomBytes(16);
    this.#credentials.set(name, { salt, hash: await hashOf(password, salt) });
  }

  remove(name: string): void {
    this.#credentials.delete(name);
  }

  /** Takes as long for an unknown name as for a wrong password, so that nobody learns who has an account. */
  async check(name: string, password: string): Promise<boolean> {
    const { salt, hash } = this.#credentials.get(name) ?? this.#decoy;
    return timingSafeEqual(await hashOf(password, salt), hash);
  }
}

function hashOf(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // NFKC: one password, however a keyboard composes its letters.
    scrypt(password.normalize('NFKC'), salt, 32, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
