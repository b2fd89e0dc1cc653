/**
 * How long this process ran, for promises of the form "within so many ms": what a busy machine takes away for others, or
 * by standing still, is not the doing of what is tested. It counts beats of a timer: a process that does not get its turn
 * has none, and a late one counts as one.
 */
const beatMs = 10;

let beats = 0;
setInterval(() => void beats++, beatMs).unref();

/** Ms in which this process was there to see them, from any start; never more than have passed. */
export const runTime = (): number => beats * beatMs;
