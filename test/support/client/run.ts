import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What a command of a real client did. */
export interface IRun {
  /** The command line, for messages. */
  command: string;
  /** `null` when it was ended by the time-out. */
  code: number | null;
  stdout: string;
  stderr: string;
  /** Both streams in the order in which they came, without terminal colours. */
  output: string;
}

/** Waits until `when` shows up in the output that no earlier step has used, then answers. */
export interface IDialogueStep {
  when: RegExp;
  say: string | ((match: RegExpExecArray) => Promise<string>);
}

export interface IRunOptions {
  cwd: string;
  env: Record<string, string>;
  timeoutMs?: number;
  /** Standard input, for a client that is told to read it. */
  input?: string | Uint8Array;
  /** Prompts to answer. Without `terminal` they are answered through a pipe. */
  dialogue?: IDialogueStep[];
  /** Some clients only ask when they see a terminal; util-linux' `script` gives them one. */
  terminal?: boolean;
}

const scriptProgram = '/usr/bin/script';
export const hasTerminal = (): boolean => existsSync(scriptProgram);

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

// biome-ignore lint/complexity/useRegexLiterals: a literal would hold control characters
const terminalCodes = new RegExp('\\u001b\\[[0-9;?]*[A-Za-z]|\\u001b[()][A-Z0-9]', 'g');
const plain = (text: string): string => text.replace(terminalCodes, '');

/** Ends a process and all that it started; those it left behind in its process group too. */
export const endGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  try {
    process.kill(-child.pid!, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error; // ESRCH: all of them have ended already
    }
  }
};

/** Runs a command to its end; never rejects for what the command does. Standard input is empty but for what the options say. */
export const run = async (command: string[], options: IRunOptions): Promise<IRun> => {
  const [program, ...args] = options.terminal
    ? [scriptProgram, '-qefc', command.map(quote).join(' '), '/dev/null']
    : command;
  const child = spawn(program!, args, { cwd: options.cwd, env: options.env, detached: true, stdio: 'pipe' });
  const steps = [...(options.dialogue ?? [])];
  let stdout = '';
  let stderr = '';
  let output = '';
  let used = 0;
  let answering = false;
  let trouble: unknown;

  const answer = async (): Promise<void> => {
    const step = steps[0];
    const text = plain(output).slice(used);
    const match = step?.when.exec(text);
    if (!step || !match || answering) {
      return;
    }
    answering = true;
    used += match.index + match[0].length;
    steps.shift();
    const words = typeof step.say === 'string' ? step.say : await step.say(match);
    // A prompt that has been printed is not always one that listens already.
    await new Promise((resolve) => setTimeout(resolve, 150));
    child.stdin.write(words);
    answering = false;
    await answer();
  };
  const take = (chunk: string, isError: boolean): void => {
    if (isError) {
      stderr += chunk;
    } else {
      stdout += chunk;
    }
    output += chunk;
    answer().catch((error: unknown) => {
      trouble = error;
      endGroup(child, 'SIGKILL');
    });
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => take(chunk, false));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => take(chunk, true));
  child.stdin.on('error', () => {}); // EPIPE of a client that ended before it was answered; its exit code tells
  if (steps.length === 0) {
    child.stdin.end(options.input);
  }

  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child, 'SIGKILL');
  }, options.timeoutMs ?? 60_000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status));
  });
  clearTimeout(timer);
  if (trouble) {
    throw trouble;
  }
  if (timedOut) {
    output += '\n(ended by the time-out of the test)';
  }
  return {
    command: command.map((word) => word.replace(/^\/.*\//, '')).join(' '),
    code: timedOut ? null : code,
    stdout: plain(stdout),
    stderr: plain(stderr),
    output: plain(output),
  };
};
