// Owns the list of the guards that keep the invariants: what each is in the code, how it is taken away, and which tests die
// then. The table of docs/reliability.md is this list.

/** One guard. */
export interface Guard {
  readonly name: string;
  readonly invariant: string;
  /** What it is for, in one line. */
  readonly keeps: string;
  /** The file it stands in. */
  readonly file: string;
  /** Its text there, in parts which occur once, and what stands there when it is taken away. */
  readonly edits: readonly (readonly [text: string, without: string])[];
  /** The test that dies of it. */
  readonly dies: DyingTest;
  /** Quick enough for `npm run test:slices`. */
  readonly quick?: true;
}

/** A test that must fail when a guard is gone. */
export interface DyingTest {
  readonly file: string;
  readonly test: string;
}

const SIMULATION = {
  file: 'test/chaos/simulation/simulation.test.ts',
  test: 'I1 to I8 hold at every step',
};

/** Every guard. */
export const GUARDS: readonly Guard[] = [
  {
    name: 'expected sequence',
    invariant: 'I5',
    keeps: 'an append is refused where another was first',
    file: 'shared/jetstream/jetstream-effects.ts',
    edits: [['publisher.publish(subject, body, { expected }),', 'publisher.publish(subject, body, {}),']],
    dies: {
      file: 'test/chaos/faults/zombies.test.ts',
      test: "executor: its result is refused, and it does not free the lock of another's work",
    },
  },
  {
    name: 'acknowledge last',
    invariant: 'I8',
    keeps: 'a wake comes again until all it called for is stored',
    file: 'services/collector/collector.ts',
    edits: [
      [
        '      try {\n        const first = ',
        '      try {\n        for (const wake of desk.wakes) this.#tools.effects.ack(wake);\n        const first = ',
      ],
    ],
    dies: SIMULATION,
  },
  {
    name: 'lock TTL',
    invariant: 'I6',
    keeps: 'the lock of a dead executor ends by itself',
    file: 'shared/jetstream/jetstream-effects.ts',
    edits: [['{ expected, ttlS: lockTtlMs / MS_PER_S }', '{ expected }']],
    dies: {
      file: 'test/integration/jetstream/lock.test.ts',
      test: 'is on every write: taken, claimed, renewed and freed alike',
    },
    quick: true,
  },
  {
    name: 'fold to the wake',
    invariant: 'I7',
    keeps: 'a wake is dealt with on a fold that has it, and no other',
    file: 'services/collector/pass.ts',
    edits: [
      ['  await tools.log.foldTo(session, positionToReach(desk));\n', ''],
      ['desk.wakes.filter((wake) => wake.seq <= committed.through)', '[...desk.wakes]'],
      [' || desk.wakes.some(({ seq }) => seq > has)', ''],
    ],
    dies: SIMULATION,
  },
  {
    name: 'decide on an exact prefix',
    invariant: 'I7',
    keeps: 'what comes while a session is hydrated is folded in its turn',
    file: 'shared/jetstream/session-log.ts',
    edits: [
      [
        "    if (session.phase === 'live') this.#fold(session, record, true);",
        '    if (session.phase !== null) this.#fold(session, record, true);',
      ],
    ],
    dies: {
      file: 'test/integration/jetstream/session-log.test.ts',
      test: 'what arrives meanwhile is neither lost nor doubled, wherever hydration stands',
    },
  },
  {
    name: 'no answer older than what is known',
    invariant: 'I1',
    keeps: 'a fold begins with all that the follower has passed by',
    file: 'shared/jetstream/tail.ts',
    edits: [
      ['    if (found !== null && found.through >= atLeast) return found;', '    if (found !== null) return found;'],
    ],
    dies: {
      file: 'test/integration/jetstream/silence.test.ts',
      test: 'of where a session ends takes no answer of a replica that lacks what is known already',
    },
    quick: true,
  },
  {
    name: 'a whole answer',
    invariant: 'I1',
    keeps: 'what is read of the log has no hole where messages were lost on their way',
    file: 'shared/jetstream/direct-get.ts',
    edits: [["          return fail('messages are missing');", '          before = 0;']],
    dies: {
      file: 'test/integration/jetstream/silence.test.ts',
      test: 'of whose answer a message was lost on its way fails: one in the middle',
    },
  },
  {
    name: 'a snapshot of this log',
    invariant: 'I1',
    keeps: 'a fold begins with no snapshot of what the log has lost, or never had',
    file: 'shared/jetstream/remembered.ts',
    edits: [[' && (time ?? first.time) === first.time ? ', ' ? ']],
    dies: {
      file: 'test/integration/jetstream/session-log.test.ts',
      test: 'a snapshot of what a power cut has taken from the log is dropped',
    },
  },
  {
    name: 'the last message again',
    invariant: 'I1',
    keeps: 'a follower goes on in the log that it has followed, and in no other',
    file: 'shared/jetstream/follower.ts',
    edits: [['      if (time !== this.#time) this', '      if (time === 0) this']],
    dies: {
      file: 'test/integration/jetstream/follower.test.ts',
      test: 'says that it is lost where the end of the log was lost and written again',
    },
  },
  {
    name: 'a consumer within its stream',
    invariant: 'I6',
    keeps: 'a durable consumer that was set beyond the end of its stream does not stay there',
    file: 'shared/jetstream/consumer.ts',
    edits: [['      if (await this.#isBeyondEnd()) await messages.close();\n', '']],
    dies: {
      file: 'test/integration/jetstream/consumer.test.ts',
      test: 'that is set beyond the end of its stream is found there and made anew',
    },
  },
  {
    name: 'arm after a due timer',
    invariant: 'I6',
    keeps: 'a timer that fired took a newer one with it: the pass it woke arms anew',
    file: 'services/collector/pass.ts',
    edits: [['  const anew = notes.some((note) => note.timeout);', '  const anew = false;']],
    // The simulation finds it in a few seeds of ten thousand.
    dies: {
      file: 'test/chaos/simulation/old-answers.test.ts',
      test: 'I6 arms anew even where a timer stands',
    },
    quick: true,
  },
  {
    name: 'nonce',
    invariant: 'I6',
    keeps: 'each taking of the lock sends a task of its own',
    file: 'services/collector/pending-lock.ts',
    edits: [['    this.nonce = effects.nonce();', "    this.nonce = 'always the same';"]],
    dies: SIMULATION,
  },
];
