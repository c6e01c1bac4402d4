import type { IFaultOperation, IProtocolModel } from './interfaces.js';
import { npmModel } from './npm-model.js';
import { npmOperations } from './npm-operations.js';

/** A protocol is covered by a model and its operations in these two lists. */
export const models: IProtocolModel[] = [npmModel];
export const operations: IFaultOperation[] = [...npmOperations];
