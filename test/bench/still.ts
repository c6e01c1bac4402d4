import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { IContestant } from './contestants.js';

const ACCEPT = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';

/** What a registry answers to the installation of these packages, from a server that does nothing else: the client's own time. */
export const stillCopy = async (
  { server, token }: IContestant,
  names: string[],
): Promise<{ registry: string; stop(): void }> => {
  const record = async (url: string, headers: Record<string, string>) => {
    const response = await fetch(url, { headers });
    const bytes = Buffer.from(await response.arrayBuffer()).toString('base64');
    return { path: new URL(url).pathname, type: response.headers.get('content-type') ?? '', bytes };
  };
  const recorded: Awaited<ReturnType<typeof record>>[] = [];
  for (const name of names) {
    recorded.push(await record(`${server.registry}${name}`, { accept: ACCEPT, authorization: `Bearer ${token}` }));
    recorded.push(await record(`${server.registry}${name}/-/${name}-1.0.0.tgz`, {}));
  }
  const child = fork(fileURLToPath(new URL('stillserver.mjs', import.meta.url)));
  const [port] = (await once(child, 'message')) as [number];
  child.send({ origin: server.origin, recorded });
  await once(child, 'message');
  return { registry: `http://127.0.0.1:${port}/npm/`, stop: () => void child.kill() };
};
