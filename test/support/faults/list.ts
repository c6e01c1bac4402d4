import { cargoModel } from './cargo-model.js';
import { cargoOperations } from './cargo-operations.js';
import { composerModel } from './composer-model.js';
import { composerOperations } from './composer-operations.js';
import type { IFaultOperation, IProtocolModel } from './interfaces.js';
import { mavenModel } from './maven-model.js';
import { mavenOperations } from './maven-operations.js';
import { npmModel } from './npm-model.js';
import { npmOperations } from './npm-operations.js';
import { ociModel } from './oci-model.js';
import { ociOperations } from './oci-operations.js';
import { pypiModel } from './pypi-model.js';
import { pypiOperations } from './pypi-operations.js';
import { rubygemsModel } from './rubygems-model.js';
import { rubygemsOperations } from './rubygems-operations.js';

/** A protocol is covered by a model and its operations in these two lists. */
export const models: IProtocolModel[] = [
  npmModel,
  ociModel,
  mavenModel,
  cargoModel,
  composerModel,
  pypiModel,
  rubygemsModel,
];
export const operations: IFaultOperation[] = [
  ...npmOperations,
  ...ociOperations,
  ...mavenOperations,
  ...cargoOperations,
  ...composerOperations,
  ...pypiOperations,
  ...rubygemsOperations,
];

/**
 * Operations with findings that are not mended yet: what is wrong in them is reported as TODO and printed. An entry goes
 * when its reason does.
 */
export const OPEN: Record<string, string> = {};
