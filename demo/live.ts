/** A WebSocket for each open page of a person who is signed in: it closes when the session is over, wherever that was done. */
import type { Server } from 'node:http';
import type { Express } from 'express';
import type { Sessions } from 'holdfast';
import { WebSocketServer } from 'ws';

/** Answers how to send all of them away: a server that closes waits for its connections. */
export function serveLive(server: Server, { app, sessions }: { app: Express; sessions: Sessions }): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 });
  server.on('upgrade', async (req, socket, head) => {
    try {
      const handshake = await sessions.upgrade(req, { app });
      if (!handshake.accepted) return handshake.answer(socket);
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.on('error', () => ws.terminate());
        handshake.bind(ws);
      });
    } catch (error) {
      // Nobody else hears of it, and a rejection without a handler ends the process.
      console.error(error);
      socket.destroy();
    }
  });
  return () => {
    for (const ws of sockets.clients) ws.close(1001);
  };
}
