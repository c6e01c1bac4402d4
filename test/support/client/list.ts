import { findTool, type ITool } from '../tools.js';
import type { IClientCommands, TestClient } from './base.js';
import { ClientHome } from './home.js';
import { NpmItself } from './npm.js';
import { Pnpm10Client, Pnpm12Client } from './pnpm.js';
import { BunClient, DenoClient } from './runtimes.js';
import { BerryClient, Yarn1Client } from './yarn.js';

const kinds = {
  'npm-10': NpmItself,
  'npm-11': NpmItself,
  'pnpm-10': Pnpm10Client,
  'pnpm-12': Pnpm12Client,
  'yarn-1': Yarn1Client,
  'yarn-4': BerryClient,
  bun: BunClient,
  deno: DenoClient,
} satisfies Record<string, new (tool: ITool, home: ClientHome) => TestClient>;

export type TClientName = keyof typeof kinds;

/** The client in a home of its own; `null` (and a printed reason) where it is not installed. */
export const makeClient = async (name: TClientName): Promise<(TestClient & IClientCommands) | null> => {
  const tool = findTool(name);
  return tool && new kinds[name](tool, await ClientHome.create(name));
};
