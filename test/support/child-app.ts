/** An app in a process of its own, over the lmdb folder that it is given: another instance behind the same balancer. */
import { lmdbStore } from '../../src/stores/lmdb.js';
import { startApp } from './app.js';
import { everyVerb } from './routes.js';

const [path = ''] = process.argv.slice(2);
const store = lmdbStore({ path });
const { origin, cookieName, close } = await startApp(everyVerb, { store });
process.send?.({ origin, cookieName });

process.on('disconnect', () => {
  void close().then(() => store.close());
});
