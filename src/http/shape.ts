/**
 * A repair of what Express costs on Node before 24. Express gives each request and response its app's prototype, and
 * V8 before 13 then gives each of these objects a hidden class of its own. No inline cache hits again: every property
 * that Express, Node or we read or add is looked up the slow way, which is a third of what an Express response costs.
 * An object that has lost a property has no hidden class any more, only a dictionary, and no such trouble.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** From V8 13 on they keep one hidden class for all, and a dictionary would only be slower. */
const suffers = Number.parseInt(process.versions.node, 10) < 24;

/** Turns a request of Express and its response into dictionaries. Nothing of them changes but the order of two properties. */
export function shedShapes(req: IncomingMessage, res: ServerResponse): void {
  if (!suffers || !Object.hasOwn(Object.getPrototypeOf(req), 'app')) return;
  shed(req, 'complete');
  shed(res, 'sendDate');
}

function shed<Key extends PropertyKey>(object: Record<Key, boolean>, key: Key): void {
  const was = Object.getOwnPropertyDescriptor(object, key);
  // What somebody has made another property of stays as it is.
  if (!was?.writable || !was.enumerable || !was.configurable) return;
  delete (object as Partial<typeof object>)[key];
  object[key] = was.value;
}
