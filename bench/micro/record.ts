import { audience, data, header, type Micro, part, secret } from './micro.js';

type Seal = typeof import('../../src/core/seal.js');
type Keyring = typeof import('../../src/core/keyring.js');
type Record = typeof import('../../src/core/record.js');
type Codec = typeof import('../../src/core/codec.js');
type Token = typeof import('../../src/core/token.js');

const maxBytes = 65_536;

async function parts() {
  const { encodeData, decodeData } = await part<Codec>('core/codec');
  const { writeRecord, readRecord } = await part<Record>('core/record');
  const { Sealer } = await part<Seal>('core/seal');
  const { newId } = await part<Token>('core/token');
  const sealer = new Sealer((await part<Keyring>('core/keyring')).createKeyring([secret]), audience);
  const encoded = encodeData(data, { maxBytes });
  return { encodeData, decodeData, writeRecord, readRecord, sealer, encoded, id: newId() };
}

/** From the store's bytes to a record whose data has not been decoded yet. */
export const open: Micro = {
  name: 'open: unseal and read the header',
  async make() {
    const { sealer, readRecord, writeRecord, encoded, id } = await parts();
    const sealed = sealer.seal(id, writeRecord(header, encoded));
    return () => {
      const opened = sealer.open(id, sealed);
      if (typeof opened === 'string' || typeof readRecord(opened) === 'string') throw new Error('it does not open');
    };
  },
};

/** What the first touch of `req.session` costs. */
export const decode: Micro = {
  name: 'decode the data',
  async make() {
    const { decodeData, encoded } = await parts();
    return () => decodeData(encoded);
  },
};

/** What is asked at the end of each request that touched its session. */
export const unchanged: Micro = {
  name: 'unchanged? encode and compare',
  async make() {
    const { encodeData, decodeData, encoded } = await parts();
    const held = decodeData(encoded);
    return () => {
      if (Buffer.compare(encodeData(held, { maxBytes }), encoded) !== 0) throw new Error('it has changed');
    };
  },
};

export const seal: Micro = {
  name: 'seal: write the header and encrypt',
  async make() {
    const { sealer, writeRecord, encoded, id } = await parts();
    return () => sealer.seal(id, writeRecord(header, encoded));
  },
};
