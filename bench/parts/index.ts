import type { Part } from '../part.js';
import { crowdPart } from './crowd.js';
import { growthPart } from './growth.js';
import { memoryPart } from './memory.js';
import { microPart } from './micro.js';
import { startUpPart } from './start-up.js';
import { tablePart } from './table.js';
import { tailPart } from './tail.js';

/** In the order of RESULTS.md. */
export const parts = [
  tablePart,
  tailPart,
  growthPart,
  crowdPart,
  memoryPart,
  startUpPart,
  microPart,
] as readonly Part[];
