import type { ILimits } from '../interfaces.core.js';

export const DEFAULT_LIMITS: Required<ILimits> = {
  maxArtifactSize: 10 * 1024 ** 3,
  maxMetadataSize: 32 * 1024 ** 2,
  maxUnpackedSize: 4 * 1024 ** 3,
  bodyIdleTimeoutMs: 60_000,
  hookTimeoutMs: 30_000,
  metadataCacheSize: 64 * 1024 ** 2,
};
