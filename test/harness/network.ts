// Owns: a network of its own for a cluster of nats-servers, so that a node can be cut off as cables are cut: packets vanish,
// and what is connected hangs.
//
// 1. Each node lives in a network namespace with two links: one to the clients, on this machine, and one to the other nodes.
//    Each kind of link has a bridge of its own: on one bridge a node would answer for the addresses of its other link.
// 2. Nothing of it outlives the process that opened it, however that ends: a shell waits for the end of its standard input
//    and then removes all of it.
//
// It needs Linux, root and iproute2. Left to cluster.ts: the servers.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Which of a node's links. */
export type LinkKind = 'clients' | 'nodes';

const LINKS: readonly LinkKind[] = ['clients', 'nodes'];
/** Networks of private use; the third number is drawn, so that two runs on one machine do not meet. */
const PREFIX: Readonly<Record<LinkKind, string>> = { clients: '10.213', nodes: '10.214' };
const THIRD_MAX = 250;
const FIRST_HOST = 11;
/** Draws in vain before something else must be wrong. */
const DRAWS_MAX = 10;

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });

/** Why no network can be opened here, in one line; null where it can. */
export function networkFault(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `riposte-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'there is no `ip` here: install iproute2' : 'this machine allows no network namespaces';
  }
  ip('netns', 'del', probe);
  return null;
}

/** Namespaces joined by two bridges. */
export class Network {
  readonly #name: string;
  readonly #third: number;
  readonly #size: number;
  readonly #dir: string;
  readonly #janitor: ChildProcess;

  private constructor(size: number) {
    this.#name = `r${process.pid}n${opened++}`;
    this.#third = freeThird();
    this.#size = size;
    this.#dir = mkdtempSync(join(tmpdir(), 'riposte-net-'));
    this.#janitor = this.#startJanitor();
  }

  /** Opens a network of `size` nodes. */
  static async open(size: number): Promise<Network> {
    const network = new Network(size);
    try {
      network.#build();
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  /** The address of a node, counted from 0, on one of its links. */
  address(node: number, link: LinkKind): string {
    return `${PREFIX[link]}.${this.#third}.${FIRST_HOST + node}`;
  }

  /** A program that runs another one inside a node, under its own process id. */
  inside(node: number, program: string): string {
    const file = join(this.#dir, `node-${node}`);
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.#space(node)} '${program}' "$@"\n`, { mode: 0o755 });
    return file;
  }

  /** Cuts a link of a node: nothing gets through any more, and nobody is told. */
  cut(node: number, link: LinkKind): void {
    ip('link', 'set', this.#link(node, link), 'down');
  }

  /** Mends it. */
  mend(node: number, link: LinkKind): void {
    ip('link', 'set', this.#link(node, link), 'up');
  }

  /** Removes everything. */
  async close(): Promise<void> {
    const ended = once(this.#janitor, 'exit');
    this.#janitor.ref();
    this.#janitor.stdin?.end();
    await ended;
  }

  #build(): void {
    for (const link of LINKS) {
      ip('link', 'add', this.#bridge(link), 'type', 'bridge');
      ip('addr', 'add', `${PREFIX[link]}.${this.#third}.1/24`, 'dev', this.#bridge(link));
      ip('link', 'set', this.#bridge(link), 'up');
    }
    for (const node of this.#nodes()) {
      const space = this.#space(node);
      ip('netns', 'add', space);
      ip('-n', space, 'link', 'set', 'lo', 'up');
      for (const link of LINKS) {
        const outer = this.#link(node, link);
        ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', link, 'netns', space);
        ip('link', 'set', outer, 'master', this.#bridge(link));
        ip('link', 'set', outer, 'up');
        ip('-n', space, 'addr', 'add', `${this.address(node, link)}/24`, 'dev', link);
        ip('-n', space, 'link', 'set', link, 'up');
      }
    }
  }

  /** Removes the network when its standard input ends. In a session of its own: a terminal's Ctrl-C does not reach it. */
  #startJanitor(): ChildProcess {
    const nodes = this.#nodes();
    const removals = [
      ...nodes.flatMap((node) => LINKS.map((link) => `ip link del ${this.#link(node, link)}`)),
      ...LINKS.map((link) => `ip link del ${this.#bridge(link)}`),
      ...nodes.map((node) => `ip netns del ${this.#space(node)}`),
      `rm -rf '${this.#dir}'`,
    ];
    const janitor = spawn('sh', ['-c', `cat >/dev/null; ${removals.join('; ')}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    janitor.unref();
    (janitor.stdin as Socket).unref();
    return janitor;
  }

  #nodes(): number[] {
    return Array.from({ length: this.#size }, (_, node) => node);
  }

  // An interface's name has 15 characters at the most, and a process id seven digits.
  #bridge(link: LinkKind): string {
    return `${this.#name}${link[0]}`;
  }

  #link(node: number, link: LinkKind): string {
    return `${this.#bridge(link)}${node}`;
  }

  #space(node: number): string {
    return `${this.#name}s${node}`;
  }
}

let opened = 0;

/** A third number of addresses that nobody has here. */
function freeThird(): number {
  const taken = ip('-o', 'addr');
  for (let draw = 1; draw <= DRAWS_MAX; draw++) {
    const third = randomInt(1, THIRD_MAX);
    if (LINKS.every((link) => !taken.includes(`${PREFIX[link]}.${third}.`))) return third;
  }
  throw new Error('every network of private use seems to be taken');
}
