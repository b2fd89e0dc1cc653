import { outagesOf } from './outages.js';
import { mongodbBackend } from './servers.js';

outagesOf(mongodbBackend);
