// The types of folder.mjs.

export const CACHE_DIR: string;
export function emptyCacheFolder(path: string): void;
export function makeCacheFolder(path: string): void;
export function makeTemporaryFolder(prefix: string): string;
