import * as v from 'valibot';
import type { IS3StorageConfig } from '../core/objectstore/s3/interfaces.s3config.js';
import type { IDirectoryStorageConfig, IObjectStoreConfig } from '../interfaces.config.js';
import { flag, isObject, maybe, nonEmptyText, placeOf, refuse, strict, text } from './helpers.building.js';
import { objectStore } from './helpers.codeschema.js';
import { nearestName } from './helpers.names.js';

const PORT = 'must be a number';

const s3 = v.pipe(
  strict<IS3StorageConfig>()({
    endpoint: nonEmptyText,
    bucketName: nonEmptyText,
    accessKey: maybe(text),
    accessSecret: maybe(text),
    // the descriptor allows text, because hosts pass on environment variables
    port: maybe(v.union([v.number(), v.pipe(v.string(), v.regex(/^\d*$/, PORT))], PORT)),
    useSsl: maybe(v.union([v.boolean(), v.picklist(['true', 'false', '1', '0'])], 'must be true or false')),
    region: maybe(text),
    directoryPath: maybe(text),
    type: maybe(v.picklist(['s3', 'smartstorage'], 'must be s3 or smartstorage')),
    sessionToken: maybe(text),
    serverSideEncryption: maybe(text),
    checksums: maybe(v.picklist(['WHEN_SUPPORTED', 'WHEN_REQUIRED'], 'must be WHEN_SUPPORTED or WHEN_REQUIRED')),
    createBucket: maybe(flag),
    allowUnconditionalWrites: maybe(flag),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    const { accessKey, accessSecret } = (dataset.value ?? {}) as Partial<IS3StorageConfig>;
    if (!accessKey === !accessSecret) return;
    const [present, missing] = accessKey ? ['accessKey', 'accessSecret'] : ['accessSecret', 'accessKey'];
    addIssue({
      message: `is missing: give it with ${present}, or neither for the credential chain`,
      path: placeOf(dataset.value, missing),
    });
  }),
);

const directory = strict<IDirectoryStorageConfig>()({ directory: nonEmptyText });
const driver = strict<IObjectStoreConfig>()({ objectStore });

const KINDS = { directory, objectStore: driver, bucketName: s3 };
const FIELDS = Object.keys(KINDS) as (keyof typeof KINDS)[];

/** The kind whose field is misspelt; a right field of S3, such as `directoryPath`, is no misspelling. */
const misspeltKind = (value: Record<string, unknown>) => {
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(s3.entries, name));
  const near = new Set(unknown.map((name) => nearestName(name, FIELDS)));
  return FIELDS.find((field) => near.has(field));
};

/** Each kind of storage has a field of its own, which determines the allowed other fields. */
const kindOf = (value: unknown) => {
  if (!isObject(value)) {
    return refuse('must be an object: an S3 descriptor with bucketName, { directory } or { objectStore }');
  }
  const kinds = FIELDS.filter((field) => value[field] !== undefined);
  const kind = kinds[0] ?? misspeltKind(value);
  if (kind === undefined) return refuse('needs bucketName (with an S3 endpoint), directory or objectStore');
  if (kinds.length > 1) return refuse(`has both ${kinds.join(' and ')}: choose one`);
  return KINDS[kind];
};

/** Kinds of storage that a file can describe. */
export const storageOfFiles = v.union([directory, s3]);

/** Without a value, as when JSON Schema is made, it allows each kind that a file can describe. */
export const storage = v.lazy(
  (value) => (value === undefined ? storageOfFiles : kindOf(value)) as v.GenericSchema<unknown>,
);
