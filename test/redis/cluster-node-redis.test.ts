import { conforms, nodeRedisCluster } from './kit.js';

conforms('cluster', nodeRedisCluster);
