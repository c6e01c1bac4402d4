import type * as plugins from '../../../../plugins.js';
import type { ILogger } from '../../../interfaces.core.js';
import type { UploadBudget } from '../writing/classes.uploadbudget.js';
import type { IS3Clients } from './helpers.client.js';
import type { IS3Settings } from './helpers.settings.js';

export interface IS3Timing {
  /** ms until the answer to a small request begins; long operations add time by their size */
  requestMs: number;
  /** ms without a byte, while one is waited for, after which a body or an upload is given up */
  idleMs: number;
}

/** The conditions that the server honours, as tested at the start. */
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

/** An open store, shared by the parts of the driver. */
export interface IS3Session {
  clients: IS3Clients;
  settings: IS3Settings;
  timing: IS3Timing;
  abilities: IS3Abilities;
  logger: ILogger;
  /** keys (with the prefix) whose last answer was that the object exists: only a hint */
  present: plugins.LRUCache<string, true>;
  /** memory for uploads that are gathered before they are sent; one for the process */
  budget: UploadBudget;
}
