// Owns: the container engine of the tests: whether one runs, the images of this checkout in it, and what can be done to a
// container there.
//
// It is the engine that `docker` speaks to; with RIPOSTE_ENGINE=own, one that `npm test` has started (tools/containers).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer, getContainerRuntimeClient } from 'testcontainers';
import { ensureBaseImages } from '#tools/containers/base-images.ts';
import { makeBuildContext } from '#tools/containers/build-context.ts';
import { docker } from '#tools/containers/docker.ts';

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

/** Why nothing can be tested in containers here, in one line; null where it can. */
export async function engineFault(): Promise<string | null> {
  try {
    await getContainerRuntimeClient();
  } catch {
    return process.env.RIPOSTE_ENGINE_FAULT ?? 'no container engine runs here: RIPOSTE_ENGINE=own npm test starts one';
  }
  try {
    await docker(['compose', 'version']);
    return null;
  } catch {
    return 'there is no `docker compose` here';
  }
}

/** Says in one line why tests in containers are skipped, where they are. */
export async function sayEngineFault(): Promise<string | null> {
  const fault = await engineFault();
  if (fault !== null) process.stdout.write(`skipped, what runs in containers: ${fault}\n`);
  return fault;
}

/** Builds the image of this checkout. */
export async function buildImages(): Promise<TestImages> {
  const base = await ensureBaseImages(process.env, (line) => process.stdout.write(`${line}\n`));
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
