import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { knownAs } from '../helpers.document.js';
import type { ICargoDocument } from '../interfaces.cargo.js';
import { documentKey, indexPath } from '../keys.cargo.js';
import { renderIndex } from '../wire/wire.index.js';
import { isCrateName } from '../wire/wire.names.js';

const INDEX_TYPE = 'text/plain; charset=utf-8';

/** Whether anybody may read every crate. */
const isOpenToAll = async ({ auth, protocol }: RegistryCall): Promise<boolean> => {
  const right = { protocol, type: 'crate', action: 'read' };
  if (await auth.permissions(null)) return auth.allowsAll(null, right);
  // a provider that decides name by name
  return auth.authorize(null, `${protocol}:crate:*`, 'read');
};

/**
 * GET /config.json. Cargo sends its token with downloads, index files and search only if `auth-required` is true here,
 * and asks here again with the token only after exactly 401.
 * @see https://doc.rust-lang.org/cargo/reference/registry-index.html#index-configuration
 */
export const getConfig = async (call: RegistryCall): Promise<IResponse> => {
  const isOpen = await isOpenToAll(call);
  if (!isOpen && !call.userId) throw new RegistryError('unauthenticated', 'Authentication is required');
  const { publicUrl } = call;
  const config = { dl: `${publicUrl}/api/v1/crates`, api: publicUrl, ...(!isOpen && { 'auth-required': true }) };
  return respond(200, config, { 'Cache-Control': 'no-cache' });
};

/** GET /{p1}/{p2}/{name}: the lines of a crate. Index paths are in lower case; the names inside keep their case. */
export const getIndexFile = async (call: RegistryCall): Promise<IResponse> => {
  const name = call.params.name as string;
  const folders = call.path.split('/').filter(Boolean).slice(0, -1);
  const isPath = isCrateName(name) && name === name.toLowerCase() && [...folders, name].join('/') === indexPath(name);
  const served =
    isPath &&
    (await call.serveDocument<ICargoDocument>(documentKey(name), {
      variant: `index of ${name}`,
      about: { kind: 'document', packageName: name, contentType: INDEX_TYPE },
      repeatable: true,
      render: (document) =>
        knownAs(document, name)
          ? { body: renderIndex(document), contentType: INDEX_TYPE, lastModified: new Date(document.modified) }
          : null,
    }));
  if (!served) throw call.absent();
  return served;
};

/** GET /me: `cargo login` prints this address. */
export const getMe = async (call: RegistryCall): Promise<IResponse> =>
  respond(
    200,
    `Ask an administrator of this registry for a token, who makes it with\n\n` +
      `    smartregistry token create --user NAME --protocol cargo\n\n` +
      `and store it with\n\n    cargo login --registry NAME\n\nThe index of this registry: sparse+${call.publicUrl}/\n`,
    { 'Cache-Control': 'no-cache' },
  );
