import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import { type IPage, type IPageKind, pagedCodec, positionOf } from '../../core/storage/pages/helpers.pages.js';
import type { IDescriptor } from './wire.manifests.js';

/** Manifests that refer to one subject, sorted by digest, with the length of each in the document. */
export interface IReferrersPage extends IPage {
  readonly manifests: readonly IDescriptor[];
  readonly lengths: readonly number[];
}

const NONE: IReferrersPage = Object.freeze({ names: [], manifests: [], lengths: [] });

/**
 * characters of one page: each push of a referrer rewrites one page. A single manifest may have annotations of 4 MB;
 * then it has a page of its own
 */
export const MAX_REFERRERS_PAGE = 32 * 1024;

const lengthOf = (descriptor: IDescriptor): number => JSON.stringify(descriptor).length;
const sumOf = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

/** Returns the same object if it has this descriptor already. */
export const withReferrer = (page: IReferrersPage | null, descriptor: IDescriptor): IReferrersPage => {
  const { names, manifests, lengths } = page ?? NONE;
  const { digest } = descriptor;
  const at = positionOf(names, digest);
  if (page && names[at] === digest) return page;
  return {
    names: names.toSpliced(at, 0, digest),
    manifests: manifests.toSpliced(at, 0, descriptor),
    lengths: lengths.toSpliced(at, 0, lengthOf(descriptor)),
  };
};

/** Returns the same object if it does not have this digest. */
export const withoutReferrer = (page: IReferrersPage, digest: string): IReferrersPage => {
  const { names, manifests, lengths } = page;
  const at = positionOf(names, digest);
  if (names[at] !== digest) return page;
  return { names: names.toSpliced(at, 1), manifests: manifests.toSpliced(at, 1), lengths: lengths.toSpliced(at, 1) };
};

/** The format of releases up to 0.3.0, sorted by digest and with a revision: `{"manifests": […], …}`. */
const referrersCodec = pagedCodec<IReferrersPage>({
  serialize: ({ manifests, seal }, stamp) =>
    JSON.stringify({ manifests, ...(seal && { seal }), ...(stamp && { $revision: stamp.revision }) }),
  parse: (stored) => {
    if (!Array.isArray(stored.manifests) || !stored.manifests.every(isRecord)) {
      throw new RegistryError('internal', 'This is not a list of referrers');
    }
    const manifests = (stored.manifests as unknown as IDescriptor[]).sort((a, b) => (a.digest < b.digest ? -1 : 1));
    return { names: manifests.map(({ digest }) => digest), manifests, lengths: manifests.map(lengthOf) };
  },
});

export const referrerPages: IPageKind<IReferrersPage> = {
  codec: referrersCodec,
  none: NONE,
  // each may be 4 MB
  atOnce: 4,
  slice: ({ names, manifests, lengths }, from, to) => ({
    names: names.slice(from, to),
    manifests: manifests.slice(from, to),
    lengths: lengths.slice(from, to),
  }),
  limit: ({ lengths }) => {
    const total = sumOf(lengths);
    const count = lengths.length;
    if (total <= MAX_REFERRERS_PAGE || count < 2) return undefined;
    // pages are made half full, because digests come in any order
    return Math.ceil(count / Math.round((2 * total) / MAX_REFERRERS_PAGE));
  },
};
