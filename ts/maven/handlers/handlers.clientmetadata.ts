import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { suggestPlugin } from '../helpers.document.js';
import type { IMavenDocument, IMavenPlugin } from '../interfaces.maven.js';
import type { IMavenParts } from '../interfaces.parts.js';
import { documentKeyOf } from '../keys.maven.js';
import { artifactAt, groupAt, isArtifact, isSnapshot, nameOf, versionAt } from '../wire/wire.coordinates.js';
import { type IClientMetadata, MAX_METADATA, parseMetadata } from '../wire/wire.metadata.js';
import { created } from './handlers.upload.js';

/** plugins of a group; clients send all that they have read, and their own */
const MAX_PLUGINS = 1000;

const IGNORED = 'The registry writes maven-metadata.xml and its checksums itself: what was sent is not used';

/** Records a prefix that the registry could not read in the jar of the plugin. */
const suggest = async (
  call: RegistryCall,
  { catalog }: IMavenParts,
  name: { group: string; artifact: string },
  plugin: IMavenPlugin,
): Promise<void> => {
  const key = documentKeyOf(name);
  const found = await call.storage.read<IMavenDocument>(key);
  if (!found || found.value.plugin) return;
  await call.storage.commit<IMavenDocument>({
    packageName: nameOf(name),
    document: { key, apply: (current, _placed, stamp) => suggestPlugin(current, plugin, stamp) },
    catalog,
  });
};

/**
 * undefined: nothing in it can be used. Maven 3.9 processes that share a local repository send files that another one is
 * just writing, empty ones too, and a deploy must not fail for a document that is not needed. A document type is
 * refused all the same: no client writes one.
 */
const readable = (bytes: Buffer): IClientMetadata | undefined => {
  try {
    return parseMetadata(bytes);
  } catch (error) {
    const hasDtd = ['<!DOCTYPE', '<!ENTITY'].some((start) => bytes.includes(start));
    if (hasDtd || !RegistryError.is(error, 'invalid')) throw error;
    return undefined;
  }
};

/**
 * PUT /{folder}/maven-metadata.xml. The registry generates it from what is stored, so two deploys that overwrite each
 * other's document lose nothing. Prefixes of plugins are used if the plugins have none yet and the caller may write them.
 */
export const putMetadata = async (call: RegistryCall, maven: IMavenParts): Promise<IResponse> => {
  const bytes = await call.body.bytes({ limit: MAX_METADATA });
  const { isOfArtifact = false, plugins = [] } = readable(bytes) ?? {};
  const folder = call.params.folder as string;
  const version = versionAt(folder);
  const name = version && isSnapshot(version.version) ? version : artifactAt(folder);
  if (isOfArtifact && name) await call.authorize(nameOf(name));
  const group = groupAt(folder);
  for (const { artifact, ...plugin } of group === null ? [] : plugins.slice(0, MAX_PLUGINS)) {
    const of = { group: group as string, artifact };
    if (!isArtifact(of)) continue;
    const mayWrite = await call.can({ type: 'artifact', name: nameOf(of), action: 'write' });
    if (mayWrite) await suggest(call, maven, of, plugin);
  }
  return created(IGNORED);
};

/**
 * PUT /{folder}/maven-metadata.xml.{suffix}: checksums and signatures of the client's own document, which are those of no
 * document here. Gradle sends them always, and a build fails if one is refused.
 */
export const dropMetadataSidecar = async (call: RegistryCall): Promise<IResponse> => {
  await call.body.bytes({ limit: MAX_METADATA });
  return created(IGNORED);
};
