/** Labels for lists of devices, from user agents, by the `bowser` package: `npm install bowser`. */
import Bowser from 'bowser';

/**
 * A label such as `Firefox on Windows` or `Safari on an iPhone`; undefined where the user agent is of no known browser.
 * It is for people to tell their devices apart, and proves nothing: a client can send any user agent.
 *
 * @example session({ deviceLabel })
 */
export function deviceLabel(userAgent: string): string | undefined {
  if (userAgent === '') return undefined;
  const { browser, os, platform } = Bowser.parse(userAgent);
  const where = platform.model !== undefined && platform.vendor === 'Apple' ? `an ${platform.model}` : os.name;
  // bowser knows no browser in `curl/8` either, and calls it ''.
  if (!browser.name) return undefined;
  return where === undefined ? browser.name : `${browser.name} on ${where}`;
}
