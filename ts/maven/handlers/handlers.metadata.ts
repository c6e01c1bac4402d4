import { discardBody } from '../../core/base/helpers.streams.js';
import type { IRequestContext, IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { type IRendered, Rendering } from '../../core/pipeline/serving/classes.rendering.js';
import { readableFilter } from '../../core/pipeline/serving/helpers.readable.js';
import { serveRendering } from '../../core/pipeline/serving/helpers.serving.js';
import type { IGroupPlugin } from '../classes.plugingroups.js';
import { absentPath } from '../helpers.names.js';
import type { IMavenDocument, IMavenPlugin } from '../interfaces.maven.js';
import type { IMavenParts } from '../interfaces.parts.js';
import { documentKeyOf } from '../keys.maven.js';
import { ALGORITHMS, checksumHeaders, digestsIn } from '../wire/wire.checksums.js';
import { artifactAt, groupAt, type IArtifactName, isSnapshot, nameOf, versionAt } from '../wire/wire.coordinates.js';
import { digestsOfText, renderFolder, renderSnapshot } from '../wire/wire.metadata.js';
import { TEXT_TYPE, XML_TYPE } from '../wire/wire.types.js';

type TRepeated = (context: IRequestContext) => void;

/**
 * ms for which metadata of an artifact may be repeated without a look at the listing: its folder may become that of a
 * group with plugins too. Changes of the listing in other processes are seen after as long.
 */
const LISTING_AGE_MS = 1000;

const rendered = (text: string | null, modified: string): IRendered | null =>
  text === null
    ? null
    : {
        body: text,
        contentType: XML_TYPE,
        lastModified: new Date(modified),
        headers: checksumHeaders(digestsOfText(text)),
      };

interface IOwnMetadata {
  name: IArtifactName;
  variant: string;
  render(document: IMavenDocument): string | null;
}

const aboutOf = (name: IArtifactName) =>
  ({ kind: 'document', packageName: nameOf(name), contentType: XML_TYPE }) as const;

/** Metadata that depend on one document only. */
const serveOwn = async (
  call: RegistryCall,
  { name, variant, render }: IOwnMetadata,
  repeated: TRepeated,
): Promise<IResponse> => {
  await call.authorize(nameOf(name));
  const served = await call.serveDocument<IMavenDocument>(documentKeyOf(name), {
    variant,
    about: aboutOf(name),
    repeatable: true,
    validUntil: Date.now() + LISTING_AGE_MS,
    repeated,
    render: (document) => rendered(render(document), document.modified),
  });
  if (!served) throw call.absent(nameOf(name));
  return served;
};

/** Metadata of a group, in a folder that may be that of an artifact too. */
const serveGroup = async (
  call: RegistryCall,
  group: string,
  name: IArtifactName | null,
  plugins: readonly IGroupPlugin[],
): Promise<IResponse> => {
  const right = { type: 'artifact', action: 'read' };
  const key = name && (await call.can({ ...right, name: nameOf(name) })) ? documentKeyOf(name) : null;
  if (name && key) await call.storage.headForGet(key, aboutOf(name));
  const document = key ? ((await call.storage.read<IMavenDocument>(key))?.value ?? null) : null;
  const listed = plugins.map(({ entry: { artifact, plugin } }) => ({ artifact, ...(plugin as IMavenPlugin) }));
  const text = renderFolder(document, group, listed);
  const times = [...plugins.map(({ entry }) => entry.modified), ...(document ? [document.modified] : [])];
  const modified = times.sort()[times.length - 1] as string;
  const rendering = Rendering.of(rendered(text, modified) as IRendered);
  return serveRendering(call, rendering, new Date(modified));
};

/** The metadata in a folder, at whatever level that is. */
const serveFolder = async (call: RegistryCall, maven: IMavenParts, repeated: TRepeated): Promise<IResponse> => {
  const folder = call.params.folder as string;
  const version = versionAt(folder);
  if (version && isSnapshot(version.version)) {
    const render = (document: IMavenDocument) => renderSnapshot(document, version.version);
    return serveOwn(call, { name: version, variant: `snapshot ${version.version}`, render }, repeated);
  }
  const [name, group] = [artifactAt(folder), groupAt(folder)];
  const mayRead = readableFilter<IGroupPlugin>(call, { protocol: 'maven', type: 'artifact', action: 'read' });
  const plugins = group === null ? [] : ((await mayRead(await maven.plugins.of(group))) ?? []);
  if (group !== null && plugins.length > 0) return serveGroup(call, group, name, plugins);
  if (!name) throw absentPath();
  const render = (document: IMavenDocument) => renderFolder(document, name.group, []);
  return serveOwn(call, { name, variant: 'metadata', render }, repeated);
};

/** GET /{folder}/maven-metadata.xml. */
export const getMetadata = async (call: RegistryCall, maven: IMavenParts): Promise<IResponse> => {
  const { handedOut } = maven;
  const callerOf = handedOut.callersOf(call);
  let note: TRepeated = () => {};
  const response = await serveFolder(call, maven, (context) => note(context));
  const digests = digestsIn(response.headers);
  note = (context) => handedOut.note(callerOf(context), digests);
  // a client that asks for HEAD has no document whose checksum it could ask for
  if (call.method === 'GET') note(call.context);
  return response;
};

/** GET /{folder}/maven-metadata.xml.{algorithm}: the checksum of the document that the caller got last. */
export const getMetadataSidecar = async (call: RegistryCall, maven: IMavenParts): Promise<IResponse> => {
  const algorithm = ALGORITHMS.find((one) => one === call.params.suffix);
  if (!algorithm) throw absentPath();
  const current = await serveFolder(call, maven, () => {});
  await discardBody(current);
  const { handedOut } = maven;
  const caller = handedOut.callersOf(call)(call.context);
  const known = handedOut.digestFor(caller, algorithm);
  // Ivy asks with HEAD whether there is a checksum, and then for it
  if (call.method === 'GET') handedOut.taken(caller, algorithm);
  const digest = known ?? digestsIn(current.headers)[algorithm];
  return respond(200, digest, { 'Content-Type': TEXT_TYPE, 'Cache-Control': 'no-cache', ETag: `"${digest}"` });
};
