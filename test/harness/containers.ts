// Owns: the container engine of the tests: whether one runs, the images of this checkout in it, and what can be done to a
// container there.
//
// It is the engine that `docker` speaks to; with RIPOSTE_ENGINE=own, one that the command has started (tools/containers).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer, getContainerRuntimeClient } from 'testcontainers';
import { ensureBaseImages } from '#tools/containers/base-images.ts';
import { makeBuildContext } from '#tools/containers/build-context.ts';
import { docker } from '#tools/containers/docker.ts';
import { oneLine } from '#tools/nats-server/step.ts';

/** Apart from the one that compose builds for whoever works here. */
const IMAGE = 'riposte:test';

/** Pulling and building on a slow line. */
export const IMAGES_LIMIT_MS = 10 * 60_000;

/** The images of a test. */
export interface TestImages {
  readonly riposte: string;
  readonly node: string;
  readonly nats: string;
}

/**
 * Why nothing can be tested in containers here, in one line; null where it can.
 * @throws Error where it should: an engine of our own that does not start, or is not what it is to be, is a fault
 */
export async function engineFault(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  if (env.RIPOSTE_ENGINE_BROKEN !== undefined) throw new Error(`no engine of our own: ${env.RIPOSTE_ENGINE_BROKEN}`);
  const why = await whatIsMissing(env);
  if (why !== null && env.RIPOSTE_ENGINE_DIR !== undefined) throw new Error(`in an engine of our own: ${why}`);
  return why;
}

async function whatIsMissing(env: NodeJS.ProcessEnv): Promise<string | null> {
  try {
    await getContainerRuntimeClient();
  } catch {
    return (
      env.RIPOSTE_ENGINE_FAULT ?? 'no container engine runs here: RIPOSTE_ENGINE=own npm run test:slices starts one'
    );
  }
  try {
    await docker(['compose', 'version']);
  } catch {
    return 'there is no `docker compose` here';
  }
  try {
    await ensureBaseImages(env, say);
    return null;
  } catch (error) {
    return oneLine(error);
  }
}

/** Says in one line why tests in containers are skipped, where they are. */
export async function sayEngineFault(): Promise<string | null> {
  const fault = await engineFault();
  if (fault !== null) say(`skipped, what runs in containers: ${fault}`);
  return fault;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Builds the image of this checkout. */
export async function buildImages(): Promise<TestImages> {
  const base = await ensureBaseImages(process.env, say);
  const context = mkdtempSync(join(tmpdir(), 'riposte-context-'));
  try {
    makeBuildContext(context);
    await GenericContainer.fromDockerfile(context)
      .withBuildArgs({ NODE_IMAGE: base.node })
      .build(IMAGE, { deleteOnExit: false });
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  return { riposte: IMAGE, ...base };
}

/** The engine's own handle of a container, for what testcontainers has no word for: kill, pause, unpause. */
export async function containerOf(id: string) {
  const { container } = await getContainerRuntimeClient();
  return container.getById(id);
}

/** The engine's own handle of a network: connect, disconnect. */
export async function networkOf(id: string) {
  const { network } = await getContainerRuntimeClient();
  return network.getById(id);
}
