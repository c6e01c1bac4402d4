import { isObject } from './config/helpers.building.js';
import { requireValid } from './config/helpers.problems.js';
import { protocolEntries } from './config/helpers.protocolschema.js';
import { registrySchema } from './config/helpers.schema.js';
import type { IRegistryConfig } from './interfaces.config.js';

/** A protocol that ships with the library. */
export type TBuiltInProtocol = keyof typeof protocolEntries;
export const PROTOCOLS = Object.keys(protocolEntries) as TBuiltInProtocol[];

/** Throws a `ConfigError` that names the first field that is wrong, and lists all of them in `problems`. */
export const checkConfig = (config: IRegistryConfig): void => {
  if (!isObject(config)) throw new TypeError('SmartRegistry needs a configuration object');
  requireValid(registrySchema, config);
};
