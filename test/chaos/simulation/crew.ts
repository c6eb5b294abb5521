/**
 * Owns the replicas of a run: who runs which role, who is frozen or killed and when, and that whoever has died is started again,
 * with nothing but what the server has.
 */
import type { Dice } from './dice.ts';
import { Process } from './process.ts';
import { type RoleWorld, type RunningRole, type SimulatedRole, startRole } from './roles.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

/** What a crew needs. */
export interface CrewWorld {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly weather: Weather;
  readonly say: (line: () => string) => void;
}

/** One place in the crew, and the process that has it now. */
export interface Seat {
  readonly role: SimulatedRole;
  readonly at: number;
  process: Process | null;
  running: RunningRole | null;
  lives: number;
}

const REPLICAS: Readonly<Record<SimulatedRole, number>> = { collector: 2, executor: 2, ai: 1 };
const EVERY_MS = 1_000;
const DOWN_LEAST_MS = 50;
const DOWN_MOST_MS = 5_000;
const FROZEN_LEAST_MS = 200;
const FROZEN_MOST_MS = 12_000;
/** A process that is told to stop is killed where it has not ended by then. */
const STOP_MOST_MS = 10_000;

/** The replicas. */
export class Crew {
  readonly seats: readonly Seat[];
  readonly #world: CrewWorld;
  #roles: RoleWorld | null = null;

  constructor(world: CrewWorld) {
    this.#world = world;
    this.seats = (Object.entries(REPLICAS) as [SimulatedRole, number][]).flatMap(([role, count]) =>
      Array.from({ length: count }, (_, at) => ({ role, at, process: null, running: null, lives: 0 })),
    );
  }

  /** Starts everybody. */
  begin(roles: RoleWorld): void {
    this.#roles = roles;
    for (const seat of this.seats) this.#start(seat);
    this.#world.time.after(EVERY_MS, () => this.#everySecond());
  }

  /** The log has more to follow. */
  follow(): void {
    for (const { running } of this.seats) running?.follow();
  }

  /** Kills a process, and starts another in its place after a while. */
  kill(process: Process, why: string): void {
    const { time, dice, weather, say } = this.#world;
    if (process.isDead) return;
    say(() => `${process.name} is killed ${why}`);
    process.kill();
    const seat = this.seats.find((each) => each.process === process)!;
    seat.process = null;
    seat.running = null;
    time.after(weather.calm ? 0 : dice.magnitude(DOWN_LEAST_MS, DOWN_MOST_MS), () => this.#start(seat));
  }

  /** Freezes a process for a while. */
  freeze(process: Process, ms: number, why: string): void {
    this.#world.say(() => `${process.name} is frozen for ${ms} ms ${why}`);
    process.freeze();
    this.#world.time.after(ms, () => this.#thaw(process));
  }

  /** Lets whoever is frozen go on. */
  thawAll(): void {
    for (const { process } of this.seats) if (process !== null) this.#thaw(process);
  }

  #start(seat: Seat): void {
    const { time, dice, say } = this.#world;
    seat.lives += 1;
    const process = new Process(`${seat.role}${seat.at + 1}.${seat.lives}`, time, dice);
    seat.process = process;
    const start = () => {
      say(() => `${process.name} starts, its clock ${process.skewMs} ms off`);
      seat.running = startRole(seat.role, process, this.#roles!);
    };
    time.after(0, start, process);
  }

  #thaw(process: Process): void {
    if (process.isDead || process.isRunning) return;
    this.#world.say(() => `${process.name} goes on`);
    process.thaw();
    for (const consumer of Object.values(this.#roles!.server.consumers)) consumer.wake();
  }

  /** What may strike at any time. */
  #everySecond(): void {
    const { time, dice, weather } = this.#world;
    if (weather.calm) return;
    time.after(EVERY_MS, () => this.#everySecond());
    for (const { process, running } of this.seats) {
      if (process === null || !process.isRunning) continue;
      if (weather.strikes('killed at rest')) this.kill(process, 'at rest');
      else if (weather.strikes('frozen at rest')) {
        this.freeze(process, dice.magnitude(FROZEN_LEAST_MS, FROZEN_MOST_MS), 'at rest');
      } else if (running !== null && weather.strikes('stopped and started')) this.#stop(process, running);
    }
  }

  #stop(process: Process, running: RunningRole): void {
    const { time, say } = this.#world;
    say(() => `${process.name} is told to stop`);
    process.takeNoMore();
    time.after(0, () => void running.stop().then(() => this.kill(process, 'as it has stopped')), process);
    time.after(STOP_MOST_MS, () => this.kill(process, 'as it has not stopped'));
  }
}
