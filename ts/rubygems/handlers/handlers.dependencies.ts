import { mapInSlices, Slices } from '../../core/base/helpers.slices.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { listedBuilds } from '../helpers.document.js';
import type { IGemDocument, IGemSpec } from '../interfaces.rubygems.js';
import { documentKey } from '../keys.rubygems.js';
import { dependencyRow } from '../wire/wire.json.js';
import { isGemName } from '../wire/wire.names.js';
import { dependencyPieces } from '../wire/wire.specs.js';

const MARSHAL_TYPE = 'application/octet-stream';

/** gems of one request: Bundler asks for 50 at once, and each is a document to read */
const MAX_GEMS = 200;

/** The gems in the query, given as `gems=a,b` or several times. */
const namesIn = (call: RegistryCall): string[] => {
  const names = call.queryAll('gems').flatMap((text) => text.split(','));
  const wanted = [...new Set(names.map((name) => name.trim()).filter(isGemName))];
  if (wanted.length > MAX_GEMS) {
    throw new RegistryError('unprocessable', `At most ${MAX_GEMS} gems can be asked for in one request`);
  }
  return wanted;
};

/** The listed builds of the wanted gems that the caller may read. Gems that are not here are passed over. */
const specsOf = async (call: RegistryCall): Promise<IGemSpec[]> => {
  const specs: IGemSpec[] = [];
  const right = { protocol: call.protocol, type: 'gem', action: 'read' };
  for (const name of await call.auth.allowedNames(call.token, right, namesIn(call))) {
    const document = await call.storage.read<IGemDocument>(documentKey(name));
    // the files of content-addressed builds have other names than the clients that ask here would look for
    const builds = document ? listedBuilds(document.value).filter(({ contentAddressed }) => !contentAddressed) : [];
    specs.push(...builds.map(({ spec }) => spec));
  }
  return specs;
};

/**
 * GET /api/v1/dependencies?gems=…: Bundler asks here if the compact index has no gem. Without gems it is an empty list,
 * with which Bundler finds out whether it may ask.
 */
export const getDependencies = async (call: RegistryCall): Promise<IResponse> => {
  const slices = new Slices();
  const pieces: Buffer[] = [];
  for (const piece of dependencyPieces(await specsOf(call))) {
    pieces.push(piece);
    if (slices.due) await slices.rest();
  }
  return respond(200, Buffer.concat(pieces), { 'Content-Type': MARSHAL_TYPE, 'Cache-Control': 'no-cache' });
};

/** GET /api/v1/dependencies.json?gems=…: the same as JSON. */
export const getDependenciesJson = async (call: RegistryCall): Promise<IResponse> => {
  const rows = await mapInSlices(await specsOf(call), (spec) => JSON.stringify(dependencyRow(spec)));
  return respond(200, `[${rows.join(',')}]`, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' });
};
