import { outagesOf } from './outages.js';
import { ioredisBackend } from './servers.js';

outagesOf(ioredisBackend);
