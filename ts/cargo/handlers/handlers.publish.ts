import { RegistryError } from '../../core/classes.registryerror.js';
import type { BodyReader } from '../../core/pipeline/body/classes.bodyreader.js';
import { JsonValueCounter } from '../../core/pipeline/body/helpers.jsonvalues.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IPlacedArtifact } from '../../core/storage/commit/interfaces.plans.js';
import { addVersion, wasAddedBy } from '../helpers.document.js';
import type { ICargoDocument, ICrateFacts } from '../interfaces.cargo.js';
import type { ICargoParts } from '../interfaces.parts.js';
import { CRATE_TYPE, crateKey, documentKey } from '../keys.cargo.js';
import { inspectCrate } from '../wire/wire.crate.js';
import { LENGTH_BYTES, readLength } from '../wire/wire.frame.js';
import { parseMetadata } from '../wire/wire.metadata.js';

/** JSON values of the metadata; the largest crates have some 10,000 */
const MAX_VALUES = 200_000;

const lengthIn = async (reader: BodyReader): Promise<number> => readLength(await reader.take(LENGTH_BYTES));

const takeMetadata = async (reader: BodyReader): Promise<Buffer> => {
  const bytes = await reader.take(await lengthIn(reader));
  const counter = new JsonValueCounter(MAX_VALUES);
  counter.add(bytes);
  if (counter.isOver) throw new RegistryError('tooLarge', `The metadata have more than ${MAX_VALUES} values`);
  return bytes;
};

/**
 * PUT /api/v1/crates/new. The body is a frame: length and JSON, length and .crate file. The name comes before the file,
 * so the caller's right is checked before the file is read. The index shows the version when this returns: cargo waits
 * for it.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#publish
 */
export const publish = async (call: RegistryCall, cargo: ICargoParts): Promise<object> => {
  const { maxMetadataSize, maxArtifactSize, maxUnpackedSize } = call.limits;
  const reader = call.body.reader({ limit: maxMetadataSize });
  const metadata = parseMetadata(await takeMetadata(reader));
  const { name, vers: version } = metadata;
  const right = name.toLowerCase();
  await call.authorize(right);
  const size = await lengthIn(reader);
  const key = crateKey(name, version);
  let facts: ICrateFacts = {};
  const checked = inspectCrate(reader.takeStream(size), { name, version, maxUnpackedSize }, (found) => {
    facts = found;
  });
  const content = await call.stageLate(checked, {
    hashes: ['sha256'],
    limit: maxArtifactSize,
    size,
    about: { key, contentType: CRATE_TYPE, packageName: name, version },
  });
  await reader.end();
  await call.storage.commit<ICargoDocument>({
    packageName: name,
    version,
    place: [{ staged: content.stagedFor(right), key, contentType: CRATE_TYPE }],
    document: {
      key: documentKey(name),
      apply: (current, [placed], stamp) => addVersion(current, metadata, placed as IPlacedArtifact, facts, stamp),
      applied: (current, stamp) => wasAddedBy(current, version, stamp),
    },
    catalog: cargo.listing,
  });
  return { warnings: { invalid_categories: [], invalid_badges: [], other: [] } };
};
