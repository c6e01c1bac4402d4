import { invalid } from '../../core/base/helpers.errors.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { changeYank } from '../helpers.changes.js';
import type { IBuildChoice } from '../helpers.document.js';
import type { IGemParts } from '../interfaces.parts.js';
import { isGemName, quoted } from '../wire/wire.names.js';
import { RUBY } from '../wire/wire.platforms.js';
import { isVersion, normalizeVersion } from '../wire/wire.versions.js';

const FIELDS = ['gem_name', 'version', 'platform'] as const;

/** bytes of a form with a name and a version */
const MAX_FORM = 16 * 1024;

/** Reads the fields of a form, which some clients send in the query. */
export const readFields = async (
  call: RegistryCall,
  names: readonly string[],
): Promise<(name: string) => string | undefined> => {
  const limits = { fieldsSize: MAX_FORM, files: 0 };
  // `gem signin` of RubyGems 4 sends no Content-Type: its net-http has given up the default
  const typeIfNone = 'application/x-www-form-urlencoded';
  const fields = call.body.exists ? await call.body.form({ fields: names, limits, typeIfNone }) : undefined;
  return (name) => (fields?.get(name) ?? call.query(name))?.trim() || undefined;
};

const readChoice = async (call: RegistryCall): Promise<IBuildChoice & { gem: string }> => {
  const field = await readFields(call, FIELDS);
  const [gem, version] = [field('gem_name'), field('version')];
  if (gem === undefined) throw invalid('The field gem_name is missing');
  if (!isGemName(gem)) throw invalid(`${quoted(gem)} is not a name that a gem can have`);
  if (version === undefined) throw invalid('The field version is missing');
  if (!isVersion(version)) throw invalid(`${quoted(version)} is not a version`);
  return { gem, version: normalizeVersion(version), platform: field('platform') ?? RUBY };
};

/**
 * DELETE /api/v1/gems/yank and PUT /api/v1/gems/unyank. Without a platform it is about the build for `ruby`. Both succeed
 * if there is nothing to change, because clients repeat requests whose answers were lost.
 * @see the guides of RubyGems, "API"
 */
export const yank = async (call: RegistryCall, gems: IGemParts, yanked: boolean): Promise<string> => {
  const { gem, ...choice } = await readChoice(call);
  await call.authorize(gem);
  const slug = await changeYank({ storage: call.storage, catalog: gems.catalog, gem }, choice, yanked);
  return `Successfully ${yanked ? 'yanked' : 'unyanked'} gem: ${gem} (${slug})\n`;
};
