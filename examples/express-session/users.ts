/** One person, for the example. In an app of your own this is a table; limit the attempts per name and address too. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const hashOf = promisify(scrypt) as (password: string, salt: Buffer, bytes: number) => Promise<Buffer>;

export const ada = { id: 'ada', password: 'correct horse battery staple' };

const salt = randomBytes(16);
const known = hashOf(ada.password, salt, 32);

/** The id of whoever has this name and password. Takes as long for an unknown name. */
export async function check(name: unknown, password: unknown): Promise<string | undefined> {
  const given = await hashOf(String(password), salt, 32);
  const right = timingSafeEqual(given, await known);
  return right && name === ada.id ? ada.id : undefined;
}
