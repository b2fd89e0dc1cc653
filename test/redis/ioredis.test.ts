import { conforms, ioredis } from './kit.js';

conforms('standalone', ioredis);
