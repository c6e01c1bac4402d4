import { accounts } from './growth.accounts.js';
import { links, referrers, repositories, tags } from './growth.images.js';
import { builds, releases } from './growth.maven.js';
import { packages, versions } from './growth.packages.js';
import type { IPart } from './interfaces.growth.js';

export const PARTS: readonly IPart[] = [
  packages,
  versions,
  releases,
  builds,
  tags,
  referrers,
  links,
  repositories,
  accounts,
];
