import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { ContentStore } from '../core/storage/content/classes.contentstore.js';
import { BLOB_TYPE, blobFolders } from './keys.oci.js';

/** The blobs of all repositories, with the caller of `storage`. */
export const blobStoreOf = (storage: RegistryStorage): ContentStore =>
  new ContentStore(storage, blobFolders, BLOB_TYPE);
