import { describe, expect, test } from 'vitest';
import type { Stored } from './handle.js';
import { OpenedSessions } from './opened.js';
import { newId, newSecret, newVersion } from './token.js';

const stored = (bytes: number): Stored => ({
  id: newId(),
  version: newVersion(),
  idleDeadline: 0,
  header: {} as Stored['header'],
  data: new Uint8Array(0),
  sealed: new Uint8Array(bytes),
});
const token = () => ({ id: newId(), secret: newSecret() });

describe('what is remembered of opened sessions', () => {
  test('is bounded by count, and the oldest goes first', () => {
    const opened = new OpenedSessions();
    for (let i = 0; i < 10_050; i++) opened.remember(`token ${i}`, token(), stored(10));
    expect(opened.size.entries).toBe(10_000);
    expect(opened.get('token 0')).toBe(undefined);
    expect(opened.get('token 10049')).toBeDefined();
  });

  test('is bounded by bytes, also when sessions grow under the same token', () => {
    const opened = new OpenedSessions();
    for (let i = 0; i < 200; i++) opened.remember(`token ${i}`, token(), stored(10));
    for (let i = 0; i < 200; i++) opened.remember(`token ${i}`, token(), stored(64 * 1024 * 4));
    expect(opened.size.bytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(opened.size.entries).toBeLessThan(100);
  });

  test('weighs nothing once it is gone', () => {
    const opened = new OpenedSessions();
    opened.remember('big', token(), stored(40 * 1024 * 1024));
    expect(opened.size).toEqual({ entries: 0, bytes: 0 });
  });
});
