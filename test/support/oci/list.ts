import { ClientHome } from '../client/home.js';
import { run } from '../client/run.js';
import { findTool, type ITool } from '../tools.js';
import type { IOciCommands, OciClient } from './client.js';
import { CraneClient } from './crane.js';
import { OrasClient } from './oras.js';
import { BuildahClient, PodmanClient } from './podman.js';
import { RegctlClient } from './regctl.js';
import { SkopeoClient } from './skopeo.js';

const kinds = {
  skopeo: SkopeoClient,
  buildah: BuildahClient,
  podman: PodmanClient,
  crane: CraneClient,
  oras: OrasClient,
  regctl: RegctlClient,
} satisfies Record<string, new (tool: ITool, home: ClientHome) => OciClient>;

export type TOciClientName = keyof typeof kinds;

export const ociClientNames = Object.keys(kinds) as TOciClientName[];

/** The client in a home of its own; `null` (and a printed reason) where it is not installed. */
export const makeOciClient = async (name: TOciClientName): Promise<(OciClient & IOciCommands) | null> => {
  const tool = findTool(name);
  if (!tool) {
    return null;
  }
  const home = await ClientHome.create(name);
  // Some are installed by the system, in whatever version it has: they are asked.
  const asked = await run([...tool.command, /^(crane|oras|regctl)$/.test(name) ? 'version' : '--version'], {
    cwd: home.path('work'),
    env: home.env,
  });
  const version = /\d+\.\d+\.\d+/.exec(asked.stdout)?.[0] ?? tool.version;
  return new kinds[name]({ ...tool, version }, home);
};
