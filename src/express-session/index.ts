/** For apps that stay on express-session: its `Store`, over any store of holdfast's. */
export type { SessionSummary } from '../core/admin.js';
export type { HoldfastStoreOptions, OwnerOf } from './options.js';
export { HoldfastStore, type SessionsById } from './store.js';
