import { createHash } from 'node:crypto';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IGemParts } from '../interfaces.parts.js';
import type { IGemDocument } from '../interfaces.rubygems.js';
import { documentKey } from '../keys.rubygems.js';
import { renderInfo } from '../wire/wire.compactindex.js';
import { isGemName } from '../wire/wire.names.js';

const TEXT_TYPE = 'text/plain; charset=utf-8';

/** The gem in the path; throws `notFound` for names that no gem can have. */
export const gemOf = (call: RegistryCall): string => {
  const name = call.params.gem as string;
  if (isGemName(name)) return name;
  throw call.absent();
};

/**
 * GET /info/{gem}. A gem whose builds are all yanked has a file without lines, because `/versions` still names it and
 * Bundler asks for what that names.
 * @see the guides of RubyGems, "Compact index API"
 */
export const getInfo = async (call: RegistryCall): Promise<IResponse> => {
  const name = gemOf(call);
  const served = await call.serveDocument<IGemDocument>(documentKey(name), {
    variant: 'info',
    about: { kind: 'document', packageName: name, contentType: TEXT_TYPE },
    repeatable: true,
    ranges: true,
    reprDigest: true,
    oneEtag: true,
    render: (document) => {
      const body = renderInfo(document);
      const etag = createHash('md5').update(body).digest('hex');
      return { body, contentType: TEXT_TYPE, etag, lastModified: new Date(document.modified) };
    },
  });
  if (!served) throw call.absent();
  return served;
};

/** GET /versions: a line for each push and yank of all gems, in the order in which they were made. */
export const getVersions = (call: RegistryCall, { log }: IGemParts): Promise<IResponse> =>
  call.serveLog(log, { contentType: TEXT_TYPE });

/** GET and HEAD /: older versions of `gem install` ask whether a registry is there. */
export const getRoot = async (call: RegistryCall): Promise<string> =>
  `This is a registry of Ruby gems:\n\n    gem install --source ${call.publicUrl}/ GEM\n`;
