import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { knownAs, setYanked } from '../helpers.document.js';
import type { ICargoDocument } from '../interfaces.cargo.js';
import type { ICargoParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.cargo.js';
import { crateOf } from './handlers.download.js';

/**
 * DELETE /api/v1/crates/{crate}/{version}/yank and PUT …/unyank. Both succeed if there is nothing to change.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#yank
 */
export const changeYank = async (call: RegistryCall, cargo: ICargoParts, yanked: boolean): Promise<object> => {
  const name = crateOf(call);
  const version = call.params.version as string;
  const document = knownAs((await call.storage.read<ICargoDocument>(documentKey(name)))?.value, name);
  await call.storage.commit<ICargoDocument>({
    // a hook that protects a crate by its name would not know another spelling
    packageName: document?.name ?? name,
    version,
    document: {
      key: documentKey(name),
      apply: (current, _placed, stamp) => setYanked(current, name, version, yanked, stamp),
    },
    catalog: cargo.listing,
  });
  return { ok: true };
};
