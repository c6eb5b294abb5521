// Runs a command of `riposte` in the test's own process, which costs a fraction of a process of its own. What it says when
// it is refused comes without the words that cli/main.ts puts around it.

import { pino } from 'pino';
import { BadUsage, type Command, EXIT } from '#cli/command.ts';
import { Trouble } from '#cli/trouble.ts';
import { connect } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';
import { StartError } from '#process/start-error.ts';
import { type Answer, linesOf } from '#test/unit/cli/desk.ts';

/** Runs a command to its end, with a connection by the environment if it asks for one. */
export async function runHere(command: Command, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
  let out = '';
  const said: string[] = [];
  const answer = (code: number): Answer => ({ code, out: linesOf(out), said });
  try {
    const code = await command.run(args, {
      out: (text) => {
        out += text;
      },
      say: (line) => void said.push(line),
      async connected(user, work) {
        const config = readConfig(env);
        const logger = pino({ level: 'silent' });
        const connection = await connect(config, { name: 'riposte', user, logger, onClosed: () => {} });
        return await work(connection.nc, config).finally(() => connection.close());
      },
    });
    return answer(code);
  } catch (error) {
    if (!(error instanceof BadUsage || error instanceof Trouble || error instanceof StartError)) throw error;
    said.push(error.message);
    return answer(EXIT.trouble);
  }
}
