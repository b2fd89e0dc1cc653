/** The routes of people who are signed in: their session, their devices, their password. Whatever changes something is a POST. */
import { Router } from 'express';
import { safeReturnPath } from 'holdfast';
import { accountPage, confirmPage, devicesPage, passwordPage } from './account-pages.js';
import { HttpError } from './errors.js';
import { onlyMethods, type Parts, sessionIn, textFields } from './requests.js';

const shortestPassword = 8;

export function accountRoutes({ sessions, users, freshWithin = '5m' }: Parts): Router {
  const router = Router();
  const signedIn = sessions.require({ signInPage: '/login' });
  /** A session that was left open on a desk must not be enough to lock its owner out (ASVS 7.5.1, 7.5.2). */
  const fresh = sessions.require({ freshWithin, signInPage: '/login', stepUpPage: '/confirm' });

  router.get('/account', signedIn, (req, res) => {
    const { info, id, views } = sessionIn(req);
    res.send(accountPage({ info, id, views: views ?? 0 }));
  });

  router.get('/devices', signedIn, async (req, res) => {
    const session = sessionIn(req);
    const owner = session.info.owner ?? '';
    const devices = await sessions.list(owner, { current: session.id });
    const { told } = session;
    delete session.told;
    res.send(devicesPage({ owner, devices, told }));
  });

  router
    .route('/devices/sign-out')
    .post(fresh, async (req, res) => {
      const session = sessionIn(req);
      const { id } = textFields(req.body, ['id']);
      // Only the person's own: whether an id exists for somebody else is nobody's business.
      const own = await sessions.list(session.info.owner ?? '');
      const device = own.find((one) => one.id === id);
      if (!device) throw new HttpError(404, 'That device is not signed in any more.');
      await sessions.revoke(device.id);
      session.told = `${device.device ?? 'The device'} is signed out.`;
      res.redirect(303, '/devices');
    })
    .all(onlyMethods('POST'));

  router
    .route('/devices/sign-out-others')
    .post(fresh, async (req, res) => {
      const session = sessionIn(req);
      const ended = await sessions.revokeAll(session.info.owner ?? '', { except: session.id });
      session.told = ended === 1 ? 'The other device is signed out.' : `${ended} other devices are signed out.`;
      res.redirect(303, '/devices');
    })
    .all(onlyMethods('POST'));

  router
    .route('/confirm')
    .get(signedIn, (req, res) => {
      res.send(confirmPage({ owner: sessionIn(req).info.owner, next: safeReturnPath(req.query.next, '/account') }));
    })
    .post(signedIn, async (req, res) => {
      const session = sessionIn(req);
      const { owner = '' } = session.info;
      const { password, next } = textFields(req.body, ['password', 'next']);
      if (!(await users.check(owner, password))) {
        const fault = 'The password is wrong.';
        res.status(401).send(confirmPage({ owner, next: safeReturnPath(next, '/account'), fault }));
        return;
      }
      // A new token, and both clocks anew: the person has just proved who they are.
      await session.reauthenticate({ amr: ['pwd'] });
      res.redirect(303, safeReturnPath(next, '/account'));
    })
    .all(onlyMethods('GET, HEAD, POST'));

  router
    .route('/password')
    .get(fresh, (req, res) => {
      res.send(passwordPage({ owner: sessionIn(req).info.owner }));
    })
    .post(fresh, async (req, res) => {
      const session = sessionIn(req);
      const { owner = '' } = session.info;
      const { password, again } = textFields(req.body, ['password', 'again']);
      const fault = faultOf(password, again);
      if (fault !== undefined) {
        res.status(422).send(passwordPage({ owner, fault }));
        return;
      }
      await users.set(owner, password);
      // A new token here; everywhere else the person is signed out, a thief who knew the old password included.
      await session.credentialChanged();
      session.told = 'Your password is changed, and your other devices are signed out.';
      res.redirect(303, '/devices');
    })
    .all(onlyMethods('GET, HEAD, POST'));

  router
    .route('/account/close')
    .post(fresh, async (req, res) => {
      const { owner = '' } = sessionIn(req).info;
      users.remove(owner);
      // This session too: there is nobody any more whom it could belong to (ASVS 7.4.2).
      await sessions.revokeAll(owner, { reason: 'account-closed' });
      res.redirect(303, '/login');
    })
    .all(onlyMethods('POST'));

  // How long still, for time-left.js: asking does not count as use.
  router.get('/session/time-left', sessions.timeLeft());

  // "Stay signed in": a request of a person's own is all it takes; touch() moves the deadline even if it was moved just now.
  router
    .route('/session/stay')
    .post(signedIn, (req, res) => {
      sessionIn(req).touch();
      res.redirect(303, '/account');
    })
    .all(onlyMethods('POST'));

  return router;
}

function faultOf(password: string, again: string): string | undefined {
  if (password.length < shortestPassword) return `A password has at least ${shortestPassword} characters.`;
  return password === again ? undefined : 'The two passwords are not the same.';
}
