import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { ContentStore } from '../core/storage/content/classes.contentstore.js';
import { BLOB_TYPE, blobFolders } from './keys.oci.js';

/** The blobs of all repositories, used on behalf of whoever `storage` is bound to. */
export const blobStoreOf = (storage: RegistryStorage): ContentStore =>
  new ContentStore(storage, blobFolders, BLOB_TYPE);
