import { type ChildProcess, spawn } from 'node:child_process';
import { hasEnded, startedListening } from '../store/s3-server.js';

interface IProgram {
  command: readonly [string, ...string[]];
  port: number;
  uid?: number | undefined;
  gid?: number | undefined;
  cwd: string;
}

export interface IServerProcess {
  start(): Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** A server that can be ended and started again. It ends with the test. */
export const serverProcess = ({ command, port, ...options }: IProgram): IServerProcess => {
  let child: ChildProcess | undefined;
  return {
    async start() {
      const [program, ...args] = command;
      const started = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
      let printed = '';
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (chunk) => {
          printed = `${printed}${chunk}`.slice(-2_000);
        });
      }
      process.once('exit', () => started.kill('SIGKILL'));
      child = started;
      if (!(await startedListening(started, port))) throw new Error(`${program} has ended:\n${printed}`);
    },
    async end(signal) {
      child?.kill(signal);
      if (child) await hasEnded(child);
    },
  };
};
