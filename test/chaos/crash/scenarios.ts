// Owns: in which settings the scripts are played, and who dies in them. Between them they reach every method of Effects and
// every place in the services that calls one, and somebody dies there in every way; the suite checks that.

import type { RoleName } from '#tools/roles/role-process.ts';
import type { Order } from './order.ts';
import {
  bots,
  drained,
  duel,
  farTask,
  finish,
  firstPair,
  foreignSnapshots,
  impersonated,
  letters,
  nameless,
  overtaken,
  type Scene,
  stubborn,
} from './scripts.ts';

/** A script. */
export interface Scenario {
  readonly name: string;
  /** The roles that die in it. */
  readonly victims: readonly RoleName[];
  /** What happens to the first process of a role beside its death. */
  readonly mishaps?: Readonly<Partial<Record<RoleName, Partial<Pick<Order, 'lost' | 'late'>>>>>;
  /** Played first; then the processes that are to die are replaced, so that they meet a session older than they are. */
  before?(scene: Scene): Promise<void>;
  /** Resolves when the session is closed, with the origins of the dead letters there must be. */
  play(scene: Scene): Promise<string[]>;
  /** The calls at which to die, where not all. */
  readonly only?: RegExp;
  /** The last call of a role at which to die, where what comes after is as in another script. */
  readonly until?: Readonly<Partial<Record<RoleName, string>>>;
  /** The first process of a role does not know the rules of the session: it is ended when it has said so, and replaced. */
  readonly ignorant?: RoleName;
}

const FIGHTERS = ['collector', 'executor'] as const;

/** For deaths in a row that are too many for an action. */
export const STUBBORN: Scenario = { name: 'stubborn', victims: ['executor'], play: stubborn };

/** Every script that is enumerated. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'duel', victims: FIGHTERS, play: duel },
  { name: 'bots', victims: ['ai', 'collector'], play: bots },
  {
    name: 'answers-lost',
    victims: FIGHTERS,
    mishaps: {
      collector: { lost: ['append#1', 'writeLock#1', 'setTimer#1', 'enqueue#2', 'enqueue#3', 'enqueue#4', 'signal#1'] },
      executor: { lost: ['append#1', 'signal#2', 'writeSnapshot#1'] },
    },
    play: duel,
  },
  {
    name: 'answers-late',
    victims: ['collector'],
    mishaps: { collector: { late: ['append#1'] } },
    until: { collector: 'ack#2' },
    play: duel,
  },
  { name: 'turns-lost', victims: ['ai'], mishaps: { ai: { lost: ['signal#1', 'signal#3'] } }, play: bots },
  {
    name: 'older',
    victims: FIGHTERS,
    before: firstPair,
    until: { collector: 'ack#4', executor: 'ack#1' },
    async play(scene) {
      await finish(scene);
      return [];
    },
  },
  {
    name: 'other-life',
    victims: FIGHTERS,
    before: foreignSnapshots,
    until: { collector: 'append#1', executor: 'append#1' },
    play: duel,
  },
  {
    name: 'letters',
    victims: ['collector', 'executor', 'ai'],
    until: { collector: 'ack#5', executor: 'ack#1' },
    play: letters,
  },
  {
    name: 'letters-lost',
    victims: ['collector', 'executor', 'ai'],
    mishaps: {
      collector: { lost: ['deadLetter#1', 'deadLetter#2', 'deadLetter#3', 'deadLetter#4'] },
      executor: { lost: ['deadLetter#1'] },
      ai: { lost: ['deadLetter#1'] },
    },
    only: /^(deadLetter|retry)#/,
    play: letters,
  },
  {
    name: 'nameless',
    victims: ['collector'],
    mishaps: { collector: { lost: ['deadLetter#1'] } },
    only: /^(deadLetter|retry)#/,
    play: nameless,
  },
  {
    name: 'far-task',
    victims: FIGHTERS,
    mishaps: { executor: { late: ['endOfLog#1'] } },
    until: { collector: 'enqueue#1', executor: 'ack#2' },
    play: farTask,
  },
  {
    name: 'overtaken',
    victims: FIGHTERS,
    mishaps: { collector: { lost: ['append#1'], late: ['append#1'] } },
    until: { collector: 'ack#2', executor: 'ack#1' },
    play: overtaken,
  },
  { name: 'impersonated', victims: ['collector'], only: /^(signal|setTimer)#/, play: impersonated },
  { name: 'drained', victims: FIGHTERS, only: /^writeSnapshot#1$/, play: drained },
  { name: 'rules-unknown', victims: ['executor'], ignorant: 'executor', until: { executor: 'retry#1' }, play: duel },
];
