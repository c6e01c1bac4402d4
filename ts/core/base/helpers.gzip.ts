import { promisify } from 'node:util';
import * as plugins from '../../plugins.js';

/** Compresses in the thread pool. */
export const gzip: (bytes: Uint8Array) => Promise<Buffer> = promisify(plugins.zlib.gzip);
