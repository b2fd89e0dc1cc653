import { outagesOf } from './outages.js';
import { nodeRedisBackend } from './servers.js';

outagesOf(nodeRedisBackend);
