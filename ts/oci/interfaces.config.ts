import type { IProtocolConfig } from '../core/interfaces.core.js';

export interface IOciConfig extends IProtocolConfig {
  /** globs (`*`) of tags that can be neither moved nor deleted once they are pushed */
  immutableTags?: string[];
  /** ms without a chunk after which an unfinished upload is given up; default 86,400,000 (a day) */
  uploadExpiryMs?: number;
}
