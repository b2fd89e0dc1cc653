import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /revocation of all at once/], ['G6', /revoked them all/], ['G6', /by another process/]);
await import('../guarantees/g06-sockets.test.js');
