// The types of proxies.mjs.

export function proxiesSeen(env?: NodeJS.ProcessEnv): string;
