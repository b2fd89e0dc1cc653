/**
 * What is expected of an app while its store fails, in requests. The bounds on time are promises about faults, with room
 * for a busy machine, and no measure of speed; time in which this process did not run does not count.
 */
import { expect } from 'vitest';
import type { Answer, Client } from '../support/client.js';
import { runTime } from '../support/run-time.js';
import { deadlineMs, type Scene } from './scene.js';

/** A request is answered by then, or it hangs. */
const answeredWithinMs = deadlineMs + 1_500;
/** The promise is 2 s from the server's return. */
const recoveredWithinMs = 2_000 + 1_500;

/** How long a session may be served from memory without the store: by the app's clock, which started a little earlier. */
const cachedForMs = 2_000 + 500;

const aMoment = () => new Promise((resolve) => setTimeout(resolve, 25));

/** Fails where a request hangs, rather than wait for the test's own limit. */
export async function answered(asked: Promise<Answer>, withinMs = answeredWithinMs): Promise<Answer> {
  let over = false;
  const late = async (): Promise<never> => {
    const until = runTime() + withinMs;
    while (!over && runTime() < until) await aMoment();
    throw new Error(`no answer within ${withinMs} ms`);
  };
  try {
    return await Promise.race([asked, late()]);
  } finally {
    over = true;
  }
}

export const expectUnharmed = (scene: Scene) => expect(scene.health()).toEqual({ exit: undefined, stderr: '' });

/** A browser in which ada is signed in and has counted to one. */
export async function signIn(scene: Scene): Promise<Client> {
  const ada = await scene.prepared(async (client) => {
    expect((await client.post('/sign-in/ada')).status).toBe(200);
    expect((await client.post('/count')).json()).toEqual({ count: 1 });
  });
  if (!scene.remembers) return ada;
  const cacheHits = async () => (await answered(ada.get('/cache'))).json<{ hits: number }>().hits;
  // Answers from memory from here on, so that each fault also meets a session that is there.
  for (let hits = await cacheHits(), before = hits; hits === before; hits = await cacheHits()) {
    await answered(ada.get('/me'));
  }
  return ada;
}

export function expectOneClearError(answer: Answer): void {
  expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_STORE_UNAVAILABLE']);
  expect(answer.setCookies).toEqual([]);
}

/** Safe requests may be answered from memory for 2 s after the link was lost, and not after that. */
export async function refused(ada: Client, struck: number): Promise<void> {
  for (;;) {
    const asked = runTime();
    const answer = await answered(ada.get('/me'));
    if (answer.status !== 200) return expectOneClearError(answer);
    if (asked > struck + cachedForMs) throw new Error(`still answered ${asked - struck} ms after the link was lost`);
    await aMoment();
  }
}

/** Asks for a change until a replica has refused it. */
export async function readOnly(ada: Client): Promise<Answer> {
  for (;;) {
    const answer = await answered(ada.post('/count'));
    if (answer.status !== 503 || answer.text.includes('READONLY')) return answer;
    await aMoment();
  }
}

/** Asks until it works again, by a method that no memory answers, and says what came then. */
export async function recovered(ada: Client): Promise<Answer> {
  const until = runTime() + recoveredWithinMs;
  for (;;) {
    const answer = await answered(ada.post('/me'));
    if (answer.status === 200) return answer;
    expectOneClearError(answer);
    if (runTime() > until) throw new Error(`not back within ${recoveredWithinMs} ms: ${answer.text}`);
    await aMoment();
  }
}
