import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /whatever is done/]);
await import('../guarantees/g11-secrets.test.js');
