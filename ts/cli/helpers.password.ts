import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError, type TEnvironment, UsageError } from './helpers.commandline.js';

const readAll = async (input: AsyncIterable<string | Uint8Array>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
};

/** Prompts on the terminal without showing the typed text. */
const ask = async (questions: string[]): Promise<string[]> => {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // one reader for all questions, so that text that is typed or pasted ahead is not lost between them
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const lines = terminal[Symbol.asyncIterator]();
  const answers: string[] = [];
  try {
    for (const question of questions) {
      process.stderr.write(question);
      const { value, done } = await lines.next();
      process.stderr.write('\n');
      // Ctrl-C or Ctrl-D: the terminal is in raw mode, so Ctrl-C is a key and not a signal
      if (done) throw new CommandError('No password was given');
      answers.push(value);
    }
  } finally {
    terminal.close();
  }
  return answers;
};

/**
 * Reads a new password: from stdin (without one trailing line break), from SMARTREGISTRY_PASSWORD, or typed twice.
 * Never from an argument, which other users of the machine could read.
 * @throws UsageError if there is no terminal
 */
export const readPassword = async (fromStdin: boolean | undefined, env: TEnvironment): Promise<string> => {
  if (fromStdin) return (await readAll(process.stdin)).replace(/\r?\n$/, '');
  if (env.SMARTREGISTRY_PASSWORD) return env.SMARTREGISTRY_PASSWORD;
  if (!process.stdin.isTTY) {
    throw new UsageError('A password is needed: --password-stdin, or the variable SMARTREGISTRY_PASSWORD');
  }
  const [password, again] = (await ask(['Password: ', 'Repeat the password: '])) as [string, string];
  if (again !== password) throw new CommandError('The two passwords differ');
  return password;
};
