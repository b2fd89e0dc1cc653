import { createRequire } from 'node:module';
import express, { type Express } from 'express';

const express4 = createRequire(import.meta.url)('express4') as () => Express;

/** Both majors that are supported, by name. */
export const expressVersions: readonly (readonly [string, () => Express])[] = [
  ['Express 5', express],
  ['Express 4', express4],
];
