import type { Test } from 'tap';
import type { IExchange } from '../support/client/proxy.js';
import type { ClientSteps } from '../support/client/steps.js';
import { gemOf, type IGem, type IGemOptions } from '../support/rubygems/gems.js';
import type { GemStation, IGemServer } from '../support/rubygems/ring/station.js';

/** What is tried with each Bundler, in the order of the matrix. */
export const BUNDLER_COMMANDS = [
  'install',
  'nothing new: 304',
  'update after a push: the rest is appended',
  'a lost cache, a damaged cache',
  'another replica',
  'outdated',
  'add',
  'lock-file install',
  'other bytes refused',
  'platforms',
  'prerelease',
  'yank',
  'unyank',
  'install --full-index',
  'cool-down',
  'private: no password',
  'private: bundle config',
  'private: URL',
  'private: a part is readable',
  'second source',
  'empty registry',
] as const;
export type TBundlerCommand = (typeof BUNDLER_COMMANDS)[number];

/** One Bundler on its way through the ring. */
export interface IBundlerRing {
  t: Test;
  station: GemStation;
  steps: ClientSteps<TBundlerCommand>;
  server: IGemServer;
}

/** A gem that the others depend on. */
export const leaf = (version: string, options: IGemOptions = {}): IGem => gemOf('my_leaf', version, options);

/** The requests to a path below the source. */
export const to = (wire: IExchange[], path: string): IExchange[] =>
  wire.filter((one) => one.path === `/rubygems/${path}`);
