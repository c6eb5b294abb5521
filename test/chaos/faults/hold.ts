// Owns: the held actions of the rules `fated` (fixtures/fated.ts): knowing which process is in the middle of one, and letting it go on.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Loads the rules `fated`, version 1. */
export const FATED_RULES = { RULES_MODULES: fileURLToPath(new URL('./fixtures/fated.ts', import.meta.url)) };
/** Loads them in versions 1 and 2. */
export const FATED_TWO_VERSIONS = {
  RULES_MODULES: fileURLToPath(new URL('./fixtures/fated-two-versions.ts', import.meta.url)),
};

/** The place where executors say that they are in the middle of an action. */
export class Hold {
  readonly dir = mkdtempSync(join(tmpdir(), 'riposte-hold-'));

  /** For executors. */
  get env(): NodeJS.ProcessEnv {
    return { ...FATED_RULES, FATED_DIR: this.dir };
  }

  /** The processes that have begun an action, by its name. */
  begun(name: string): number[] {
    const marker = new RegExp(`^${name}\\.([0-9]+)$`);
    return readdirSync(this.dir).flatMap((file) => marker.exec(file)?.slice(1).map(Number) ?? []);
  }

  /** Lets a process go on, now or as soon as it has begun. */
  release(name: string, pid: number): void {
    writeFileSync(join(this.dir, `${name}.${pid}.go`), '');
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
