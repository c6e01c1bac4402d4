import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { negotiate } from '../../core/pipeline/helpers.http.js';
import { absentName } from '../../core/pipeline/helpers.refusal.js';
import type { IStorageHookMetadata } from '../../core/storage/hooks/interfaces.hooks.js';
import { RETRY_MS, type RegistrySigner } from '../classes.signer.js';
import { isTombstone } from '../helpers.document.js';
import type { INpmDocument, INpmManifest } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.npm.js';
import { assertReadableName } from '../wire/wire.names.js';
import {
  ABBREVIATED_TYPE,
  FULL_TYPE,
  renderAbbreviated,
  renderFull,
  renderManifest,
  resolveVersion,
} from '../wire/wire.packument.js';

const about = (packageName: string): IStorageHookMetadata => ({
  kind: 'document',
  packageName,
  contentType: 'application/json',
});

/** The package in the path; throws `notFound` for names that no package can have. */
export const packageOf = (call: RegistryCall): string => assertReadableName(call.params.name as string);

interface ISigning {
  /** a part of the rendering's name */
  variant: string;
  validUntil: number | undefined;
  signed: RegistrySigner['signed'];
}

const signingOf = async (call: RegistryCall, { signer }: INpmParts): Promise<ISigning> => {
  if (await signer.canSign()) {
    return { variant: '', validUntil: undefined, signed: (document, versions) => signer.signed(document, versions) };
  }
  const validUntil = call.storage.now().getTime() + RETRY_MS;
  return { variant: ' unsigned', validUntil, signed: async (document) => document };
};

/** GET /{package}: the full packument, or the abbreviated one if Accept prefers it. */
export const getPackument = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const name = packageOf(call);
  const abbreviated = negotiate(call.header('accept'), [FULL_TYPE, ABBREVIATED_TYPE]) === ABBREVIATED_TYPE;
  const contentType = abbreviated ? ABBREVIATED_TYPE : FULL_TYPE;
  const render = abbreviated ? renderAbbreviated : renderFull;
  const signing = await signingOf(call, npm);
  const served = await call.serveDocument<INpmDocument>(documentKey(name), {
    variant: `${contentType}${signing.variant}`,
    about: about(name),
    repeatable: true,
    validUntil: signing.validUntil,
    render: async (document, publicUrl) =>
      isTombstone(document) ? null : { body: render(await signing.signed(document), publicUrl), contentType },
  });
  if (!served) throw absentName(name);
  return served;
};

/** GET /{package}/{version, dist-tag or range}: one version's manifest, with its readme. */
export const getManifest = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const name = packageOf(call);
  const wanted = call.params.version as string;
  const signing = await signingOf(call, npm);
  const served = await call.serveDocument<INpmDocument>(documentKey(name), {
    variant: `version ${wanted}${signing.variant}`,
    about: about(name),
    repeatable: true,
    validUntil: signing.validUntil,
    render: async (document, publicUrl) => {
      const found = resolveVersion(document, wanted);
      if (!found) return null;
      const { versions } = await signing.signed(document, [found]);
      const manifest = renderManifest(versions[found.version] as INpmManifest, publicUrl);
      return { body: { ...manifest, ...(await npm.readmes.of(document, found.version)) }, contentType: FULL_TYPE };
    },
  });
  if (!served) throw absentName(`${name}@${wanted}`);
  return served;
};

/** GET /-/npm/v1/keys. The keys are public: `npm audit signatures` requests them without a token. */
export const getKeys = async (_call: RegistryCall, npm: INpmParts): Promise<object> => ({
  keys: await npm.signer.publicKeys(),
});
