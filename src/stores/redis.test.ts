import { conforms, nodeRedis } from '../../test/redis/kit.js';

conforms('standalone', nodeRedis);
