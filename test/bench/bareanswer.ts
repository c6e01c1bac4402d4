import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a bare server sends to every request. */
export interface IBareAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A bare node:http server in a process of its own: what Node itself can do with the same bytes. */
export class BareServer {
  private constructor(
    private readonly child: ChildProcess,
    public readonly port: number,
  ) {}

  public static async start(): Promise<BareServer> {
    const child = fork(fileURLToPath(new URL('bareserver.mjs', import.meta.url)));
    const [port] = (await once(child, 'message')) as [number];
    return new BareServer(child, port);
  }

  public get pid(): number {
    return this.child.pid as number;
  }

  public get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  public async set({ status, headers, body }: IBareAnswer): Promise<void> {
    const ready = once(this.child, 'message');
    this.child.send({ status, headers, body: body.toString('base64') });
    await ready;
  }

  public stop(): void {
    this.child.kill();
  }
}
