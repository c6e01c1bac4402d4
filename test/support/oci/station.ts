import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { IWho } from '../client/base.js';
import { ClientHome } from '../client/home.js';
import { type IRun, type IRunOptions, run } from '../client/run.js';
import { type IServer, spawnServer } from '../client/server.js';
import { selfSigned } from '../http/host.js';
import { type TToolName, toolsOrSkip } from '../tools.js';
import { type IPushable, pushableImage } from './images.js';
import { OciProbe } from './probe.js';
import { startOciServer } from './server.js';

/** Our command line, and a home for one tool that is not a plain client of registries: a builder, a signer, an engine. */
export interface IStation {
  server: IServer;
  /** `127.0.0.1:<port>` */
  host: string;
  home: ClientHome;
  probe: OciProbe;
  /** The program of a tool that `openStation` was told. */
  program(name: TToolName): string[];
  run(command: string[], options?: Partial<IRunOptions>): Promise<IRun>;
}

/** `null`, and one skipped test, if one of the tools is not installed. */
export const openStation = (t: Test, ...names: TToolName[]): Promise<IStation | null> => open(t, names, false);

/** With https and a certificate that no client knows: for tools that send no password over http. */
export const openSecureStation = (t: Test, ...names: TToolName[]): Promise<IStation | null> => open(t, names, true);

const open = async (t: Test, names: TToolName[], isSecure: boolean): Promise<IStation | null> => {
  const tools = toolsOrSkip(t, names);
  if (!tools) return null;
  const home = await ClientHome.create(names[0]!);
  t.teardown(() => home.remove());
  const pems = isSecure ? selfSigned() : null;
  if (isSecure && !pems) {
    t.pass('not run', { skip: 'there is no openssl to make a certificate' });
    return null;
  }
  const tls = pems
    ? { cert: await home.write('cert.pem', pems.cert), key: await home.write('key.pem', pems.key) }
    : undefined;
  const server = await startOciServer({ tls });
  t.teardown(() => server.stop());
  t.comment(server.origin);
  return {
    server,
    host: new URL(server.origin).host,
    home,
    probe: new OciProbe(server.origin, server.admin),
    program: (name) => tools.get(name)!.command,
    run: (command, options = {}) =>
      run(command, { cwd: home.path('work'), timeoutMs: 120_000, ...options, env: { ...home.env, ...options.env } }),
  };
};

/** An image of one architecture on the registry. */
export const pushedImage = async (
  { probe }: IStation,
  repository: string,
  tag: string,
  options: { isDocker?: boolean } = {},
): Promise<IPushable> => {
  const what = await pushableImage({ ...options, name: `${repository}:${tag}` });
  await probe.push(repository, tag, what);
  return what;
};

/** What `docker login` writes, which most of these tools read. */
export const writeDockerConfig = async ({ home, host }: IStation, { username, password }: IWho): Promise<string> => {
  const folder = home.path('home', '.docker');
  await mkdir(folder, { recursive: true });
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  return folder;
};

/** Starts a daemon that one test needs. False, and one skipped test, where it does not start. */
export const startDaemon = async (
  t: Test,
  name: string,
  about: Parameters<typeof spawnServer>[0],
): Promise<boolean> => {
  try {
    const daemon = await spawnServer(about);
    t.teardown(() => daemon.stop());
    return true;
  } catch (error) {
    t.pass('not run', { skip: `${name} does not start here: ${String(error).trim().split('\n').at(-1)}` });
    return false;
  }
};
