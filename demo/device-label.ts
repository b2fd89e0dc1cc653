import bowser from 'bowser';

/** `Firefox on Windows`, from what the browser says of itself: for people to recognise, never to decide by. */
export function deviceLabel(userAgent: string): string | undefined {
  const parser = bowser.getParser(userAgent);
  const [browser, system] = [parser.getBrowserName(), parser.getOSName()];
  if (!browser) return undefined;
  return system ? `${browser} on ${system}` : browser;
}
