import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /of a revoked session too/]);
await import('../guarantees/g08-background.test.js');
