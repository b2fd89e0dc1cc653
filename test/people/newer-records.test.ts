/**
 * After a step back to an older release, records of the newer one lie in the store. They can't be read: they are nobody's
 * to use, and left as they are for the newer release. But a revocation reads nothing, and none of them stands in its way.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import type { StoredRecord } from '../../src/core/store.js';
import { newVersion } from '../../src/core/token.js';
import type { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { type Me, signedIn } from '../support/routes.js';
import { openStage, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

/** A form of the sealed bytes that this release does not know. */
async function sealedAnew({ opened }: Stage, id: SessionId): Promise<void> {
  const record = (await opened.store.read(id)) as StoredRecord;
  const bytes = Buffer.from(record.bytes);
  bytes[0] = 9;
  expect(await opened.store.update(id, { ...record, bytes, version: newVersion() }, record.version)).toBe('updated');
}

/** And one of the store's own, where it has any. */
async function keptAnew({ opened }: Stage, id: SessionId, other: SessionId): Promise<void> {
  const [, damage] = Object.entries(opened.damage ?? {}).find(([name]) => name.includes('newer release')) ?? [];
  await (damage?.(id, other) ?? sealedAnew({ opened } as Stage, id));
}

const ways = { 'its seal': sealedAnew, 'its place in the store': keptAnew };

describe.each(storeKinds)('a record of a newer release: $name', (kind) => {
  describe.each(Object.entries(ways))('by %s', (_, make) => {
    let stage: Stage;
    let app: TestApp;
    let newer: Client;
    let other: Client;
    let ids: SessionId[];
    beforeEach(async () => {
      stage = await openStage(kind);
      app = await stage.app(undefined, { maxPerOwner: { limit: 3, onExceed: 'reject' } });
      newer = await signedIn(app, 'ada');
      other = await signedIn(app, 'ada');
      ids = [];
      for (const client of [newer, other]) ids.push((await client.get('/me')).json<Me>().id as SessionId);
      const [id, spared] = ids as [SessionId, SessionId];
      await make(stage, id, spared);
      stage.clock.advance(1);
    });
    afterEach(() => stage.clear());

    const isOver = async (client: Client, reason: string): Promise<void> => {
      const me = (await client.get('/me')).json<Me>();
      expect([me.owner, me.endedReason]).toEqual([undefined, reason]);
      expect((await client.get('/guarded')).status).toBe(401);
    };

    it('is later, not nobody, and hides no other of its owner', async () => {
      const answer = await newer.get('/guarded');
      expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_RECORD_UNREADABLE']);
      expect((await app.sessions.list('ada')).map(({ id }) => id)).toEqual([ids[1]]);
      expect(await app.sessions.count('ada')).toBe(1);
      expect((await other.get('/guarded')).status).toBe(200);
    });

    it('ends with all of its owner', async () => {
      expect(await app.sessions.revokeAll('ada', { reason: 'lost-phone' })).toBe(2);
      await isOver(newer, 'lost-phone');
      await isOver(other, 'lost-phone');
      expect(await app.sessions.revokeAll('ada')).toBe(0);
    });

    it('ends with the others when the password changes, and the session that changed it goes on', async () => {
      expect((await other.post('/credential-changed')).status).toBe(200);
      await isOver(newer, 'credential-changed');
      expect((await other.get('/guarded')).status).toBe(200);
    });

    it('ends by its id', async () => {
      expect(await app.sessions.revoke(ids[0] as string, 'lost-phone')).toBe(true);
      await isOver(newer, 'lost-phone');
      expect((await other.get('/guarded')).status).toBe(200);
    });

    it('keeps its owner from no sign-in below the limit, and from no sign-out', async () => {
      const third = await signedIn(app, 'ada');
      expect((await third.post('/signOut')).status).toBe(200);
      const copy = other.copy();
      expect((await other.post('/signOut')).status).toBe(200);
      await isOver(copy, 'signed-out');
      copy.close();
    });
  });
});
