// The types of folder.mjs.

export const CACHE_DIR: string;
export class CannotWrite extends Error {}
export function emptyCacheFolder(path: string): void;
export function makeCacheFolder(path: string): void;
export function makeTemporaryFolder(prefix: string): string;
