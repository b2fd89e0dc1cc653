import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /revoke all of the owner/], ['G6', /all sessions of the owner were revoked/]);
await import('../guarantees/g02-no-resurrection.test.js');
