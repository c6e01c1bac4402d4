import { composerModel } from './composer-model.js';
import { composerOperations } from './composer-operations.js';
import type { IFaultOperation, IProtocolModel } from './interfaces.js';
import { npmModel } from './npm-model.js';
import { npmOperations } from './npm-operations.js';
import { ociModel } from './oci-model.js';
import { ociOperations } from './oci-operations.js';

/** A protocol is covered by a model and its operations in these two lists. */
export const models: IProtocolModel[] = [npmModel, ociModel, composerModel];
export const operations: IFaultOperation[] = [...npmOperations, ...ociOperations, ...composerOperations];

/**
 * Operations with findings that are not mended yet: what is wrong in them is reported as TODO and printed. An entry goes
 * when its reason does.
 */
export const OPEN: Record<string, string> = {};
