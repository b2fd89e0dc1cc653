import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /revocation of all at once/], ['G6', /asked for before the sign-in/]);
await import('../guarantees/g06-signals.test.js');
