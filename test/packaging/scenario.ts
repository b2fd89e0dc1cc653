/**
 * What every consumer that runs does: one app, one visitor, two requests that share a session. The caller brings in the names
 * and `store` makes the store; the rest is the same for ESM, CJS and Jest.
 */
export const visit = (store: string): string => `
async function visit() {
  const app = express();
  app.use(session({ secret: 'r7Qm2vXc9Lk4Tz8Wb1Nh6Yp3Sd5Fg0Ja', store: ${store} }));
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    res.json(req.session.views);
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  try {
    const url = 'http://127.0.0.1:' + server.address().port + '/';
    const first = await fetch(url);
    const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0];
    const second = await fetch(url, { headers: { cookie } });
    return [first.status, await first.json(), second.status, await second.json()].join(' ');
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
`;

/** What `visit` answers where sessions work. */
export const visited = '200 1 200 2';
