/** A process of its own for each tree: `node micro.mjs [ms]` prints the nanoseconds of each part, as one line of JSON. */
import { cookieRead, cookieWrite } from './cookie.js';
import { merge } from './merge.js';
import { type Micro, timesOf } from './micro.js';
import { decode, open, seal, unchanged } from './record.js';
import { secretHash, tokenJunk, tokenRead, tokenWrite } from './token.js';

const micros: readonly Micro[] = [
  cookieRead,
  tokenRead,
  tokenJunk,
  secretHash,
  open,
  decode,
  unchanged,
  merge,
  seal,
  tokenWrite,
  cookieWrite,
];

console.log(`BENCH ${JSON.stringify(await timesOf(micros, Number(process.argv[2] ?? 300)))}`);
