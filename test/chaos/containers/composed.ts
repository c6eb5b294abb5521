// Owns: a compose file that is brought up for a test, what is asked of its containers, and an image of nats without a shell.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '#tools/commands/child.ts';
import { docker } from '#tools/containers/docker.ts';
import { containerOf } from '../../harness/containers.ts';

const END = /(wins|over: draw) after \d+ exchanges$/;

/** Which streams a server has, as its monitoring tells. */
interface StreamsTold {
  readonly account_details: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly config: { readonly num_replicas: number };
      readonly state: { readonly messages: number };
    }[];
  }[];
}

/** One compose file. */
export class Composed {
  readonly project = `riposte-test-${process.pid}`;
  readonly #named: readonly string[];
  readonly #env: Record<string, string>;

  /** @param directory what the paths in the file are relative to */
  constructor(file: string, env: Record<string, string>, directory = ROOT) {
    this.#named = [
      'compose',
      '--project-name',
      this.project,
      '--project-directory',
      directory,
      '--file',
      join(ROOT, file),
    ];
    this.#env = env;
  }

  /** `docker compose ...` on it; resolves to what it printed. */
  async compose(...args: readonly string[]): Promise<string> {
    return await docker([...this.#named, ...args], this.#env);
  }

  /** Runs a program in the container of a service; resolves to what it printed. */
  async exec(service: string, ...program: readonly string[]): Promise<string> {
    return await this.compose('exec', '-T', service, ...program);
  }

  /** The containers of services that run, or with `--all` those that are there; of all services where none is named. */
  async ids(...args: readonly string[]): Promise<string[]> {
    return (await this.compose('ps', '--quiet', ...args)).split('\n').filter((id) => id !== '');
  }

  /** Waits until the demo has told the end of so many fights from now on. */
  async fights(count: number): Promise<void> {
    const [demo = ''] = await this.ids('demo');
    const since = `${Math.floor(Date.now() / 1000)}`;
    const log = spawn('docker', ['logs', '--follow', '--since', since, demo], { stdio: ['ignore', 'pipe', 'inherit'] });
    let ended = 0;
    try {
      for await (const line of createInterface({ input: log.stdout })) {
        if (END.test(line)) ended += 1;
        if (ended === count) return;
      }
    } finally {
      log.kill();
    }
    throw new Error(`the demo ended after ${ended} fights`);
  }

  /** `docker kill` of the container of a service. */
  async kill(service: string): Promise<void> {
    const [id = ''] = await this.ids(service);
    await (await containerOf(id)).kill();
  }

  /** What a server says of itself. */
  async monitor<Told>(server: string, path: string): Promise<Told> {
    return JSON.parse(await this.exec(server, 'wget', '-q', '-O-', `http://127.0.0.1:8222${path}`)) as Told;
  }

  /** The streams of a server. */
  async streams(server: string) {
    const { account_details: accounts } = await this.monitor<StreamsTold>(server, '/jsz?accounts=1&streams=1&config=1');
    return accounts.flatMap(({ stream_detail: streams = [] }) => streams);
  }

  /** The key that the demo has, as the README has it copied; `seed` is what is secret of it. */
  async key(): Promise<{ readonly files: string[]; readonly seed: string }> {
    const dir = mkdtempSync(join(tmpdir(), 'riposte-key-'));
    try {
      await this.compose('cp', 'demo:/key', join(dir, 'key'));
      return { files: readdirSync(join(dir, 'key')).sort(), seed: readFileSync(join(dir, 'key', 'seed.nk'), 'utf8') };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  async down(...args: readonly string[]): Promise<void> {
    await this.compose('down', '--remove-orphans', '--timeout', '15', ...args);
  }

  /** What there is of it: containers, networks and volumes. */
  async left(): Promise<string> {
    const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${this.project}`];
    const lists = [
      ['ps', '--all'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ].map((list) => docker([...list, ...filter]));
    return (await Promise.all(lists)).join('');
  }
}

/** Makes of an image of nats, whose programs are one busybox, an image that has none of them. */
export async function imageWithoutShell(nats: string): Promise<string> {
  const context = mkdtempSync(join(tmpdir(), 'riposte-nats-image-'));
  try {
    const name = `riposte-nats:bare-${process.pid}`;
    writeFileSync(join(context, 'Dockerfile'), `FROM ${nats}\nRUN ["/bin/busybox", "rm", "/bin/busybox"]\n`);
    await docker(['build', '--tag', name, context]);
    return name;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}
