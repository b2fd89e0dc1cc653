import { audience, type Micro, part, secret } from './micro.js';

type Token = typeof import('../../src/core/token.js');
type Keyring = typeof import('../../src/core/keyring.js');

async function codec() {
  const token = await part<Token>('core/token');
  const tokens = new token.TokenCodec((await part<Keyring>('core/keyring')).createKeyring([secret]), audience);
  return { token, tokens, text: tokens.write(token.newId(), token.newSecret()) };
}

/** What every request with a cookie pays: the text is taken apart and its MAC compared. */
export const tokenRead: Micro = {
  name: 'token: parse and verify',
  async make() {
    const { tokens, text } = await codec();
    if (typeof tokens.read(text) === 'string') throw new Error('the token was refused');
    return () => tokens.read(text);
  },
};

/** What a stranger with junk in the cookie costs. */
export const tokenJunk: Micro = {
  name: 'token: refuse junk',
  async make() {
    const { tokens, text } = await codec();
    const junk = text.slice(0, -1);
    return () => tokens.read(junk);
  },
};

export const tokenWrite: Micro = {
  name: 'token: mint',
  async make() {
    const { token, tokens } = await codec();
    return () => tokens.write(token.newId(), token.newSecret());
  },
};

export const secretHash: Micro = {
  name: 'token: hash the secret',
  async make() {
    const { token } = await codec();
    const bytes = token.newSecret();
    return () => token.hashSecret(bytes);
  },
};
