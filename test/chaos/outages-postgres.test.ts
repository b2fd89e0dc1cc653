import { outagesOf } from './outages.js';
import { postgresBackend } from './servers.js';

outagesOf(postgresBackend);
