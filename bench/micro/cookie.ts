import { type Micro, part } from './micro.js';

type Cookie = typeof import('../../src/http/cookie.js');

const name = '__Host-Http-sid';
const value = 'A'.repeat(92);

/** Among cookies of others, as a shop's page sends them. */
export const cookieRead: Micro = {
  name: 'cookie: find it in the header',
  async make() {
    const { cookieValues } = await part<Cookie>('http/cookie');
    const header = `theme=dark; _ga=GA1.2.1234567890.1700000000; ${name}=${value}; consent=statistics%3Dyes`;
    if (cookieValues(header, name).length !== 1) throw new Error('it was not found');
    return () => cookieValues(header, name);
  },
};

export const cookieWrite: Micro = {
  name: 'cookie: write the Set-Cookie line',
  async make() {
    const { sessionCookie } = await part<Cookie>('http/cookie');
    return () => sessionCookie({ name, value, secure: true });
  },
};
