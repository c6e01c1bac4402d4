import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandError, type TEnvironment, UsageError } from './helpers.commandline.js';

const readAll = async (input: AsyncIterable<string | Uint8Array>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
};

/** Asks on the terminal without showing what is typed. */
const ask = async (question: string): Promise<string> => {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const interrupted = new AbortController();
  // the terminal is in raw mode: Ctrl-C is a key, and Ctrl-D the end of input
  lines.once('SIGINT', () => interrupted.abort());
  lines.once('close', () => interrupted.abort());
  try {
    return await lines.question('', { signal: interrupted.signal });
  } catch {
    throw new CommandError('No password was given'); // the only way to fail is the abort above
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
};

/**
 * A new password: from stdin (one trailing line break is not part of it), SMARTREGISTRY_PASSWORD, or typed twice.
 * Never an argument, which other users of the machine could read.
 * @throws UsageError where nobody can be asked
 */
export const readPassword = async (fromStdin: boolean | undefined, env: TEnvironment): Promise<string> => {
  if (fromStdin) return (await readAll(process.stdin)).replace(/\r?\n$/, '');
  if (env.SMARTREGISTRY_PASSWORD) return env.SMARTREGISTRY_PASSWORD;
  if (!process.stdin.isTTY) {
    throw new UsageError('A password is needed: --password-stdin, or the variable SMARTREGISTRY_PASSWORD');
  }
  const password = await ask('Password: ');
  if ((await ask('Once more: ')) !== password) throw new CommandError('The two passwords differ');
  return password;
};
