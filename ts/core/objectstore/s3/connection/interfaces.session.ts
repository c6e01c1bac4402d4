import type * as plugins from '../../../../plugins.js';
import type { ILogger } from '../../../interfaces.core.js';
import type { UploadBudget } from '../writing/classes.uploadbudget.js';
import type { IS3Clients } from './helpers.client.js';
import type { IS3Settings } from './helpers.settings.js';

export interface IS3Timing {
  /** ms for the answer to a small request to begin; long operations add to it by their size */
  requestMs: number;
  /** ms without a byte, while one is waited for, after which a body or an upload is given up */
  idleMs: number;
}

/** What the server was found to honour. */
export interface IS3Abilities {
  /** `If-Match` and `If-None-Match` of PutObject */
  put: boolean;
  /** `If-None-Match` of CompleteMultipartUpload */
  complete: boolean;
  /** `If-Match` of DeleteObject */
  delete: boolean;
  /** `x-amz-copy-source-if-match` of UploadPartCopy */
  copy: boolean;
}

/** An opened store, as the parts of the driver share it. */
export interface IS3Session {
  clients: IS3Clients;
  settings: IS3Settings;
  timing: IS3Timing;
  abilities: IS3Abilities;
  logger: ILogger;
  /** keys, prefix included, of which the last answer was that an object is there: a hint only */
  present: plugins.LRUCache<string, true>;
  /** memory of uploads whose bytes are gathered before they are sent; one for the process */
  budget: UploadBudget;
}
