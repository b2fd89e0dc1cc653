import { conforms, ioredisCluster } from './kit.js';

conforms('cluster', ioredisCluster);
