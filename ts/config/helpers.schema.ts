import * as v from 'valibot';
import type { ICorsConfig, ILimits } from '../core/interfaces.core.js';
import type { IRegistryConfig } from '../interfaces.config.js';
import { auth } from './helpers.authschema.js';
import { flag, listOf, maybe, positive, strict, text } from './helpers.building.js';
import { authProvider, logger, storageHooks, upstreamProvider } from './helpers.codeschema.js';
import { customRegistry, protocolEntries } from './helpers.protocolschema.js';
import { storage } from './helpers.storageschema.js';

const limit = maybe(positive());

const limits = strict<ILimits>()({
  maxArtifactSize: limit,
  maxMetadataSize: limit,
  maxUnpackedSize: limit,
  bodyIdleTimeoutMs: limit,
  hookTimeoutMs: limit,
  metadataCacheSize: limit,
});

const ORIGINS = 'a list of origins such as "https://packages.example.org", or ["*"]';

const isOrigin = (value: string): boolean =>
  value === '*' || (!value.includes('*') && URL.canParse(value) && new URL(value).origin === value);

const cors = strict<ICorsConfig>('an object with origins')({
  origins: listOf(
    v.pipe(text, v.check(isOrigin, 'must be an origin such as "https://packages.example.org", or "*"')),
    ORIGINS,
  ),
});

/** Settings that are also allowed in a file. */
export const settings = {
  storage,
  auth,
  ...protocolEntries,
  trustProxy: maybe(flag),
  cors: maybe(cors),
  limits: maybe(limits),
};

/** The settings that are code. */
export const codeSettings = {
  authProvider: maybe(authProvider),
  storageHooks: maybe(storageHooks),
  upstreamProvider: maybe(upstreamProvider),
  registries: maybe(listOf(customRegistry)),
  logger: maybe(logger),
};

/** `IRegistryConfig`. */
export const registrySchema = strict<IRegistryConfig>()({ ...settings, ...codeSettings });
