/** What a pool, a role or a database sets as its default level of isolation takes nothing away. */
import { conforms } from './kit.js';

for (const level of ['repeatable read', 'serializable']) {
  const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`;
  conforms(`by default ${level}`, { pool: { options }, sequences: 20 });
}
