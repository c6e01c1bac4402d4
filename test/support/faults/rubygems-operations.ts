import { multipart } from '../multipart.js';
import { noise } from '../noise.js';
import { bundleOf, gemOf, type IGem } from '../rubygems/gems.js';
import { ABSENT, PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { Replica } from './replica.js';

export const GEM = 'my-gem';
/** has a document of its own; both have their lines in the one log of all gems */
export const OTHER = 'other-gem';
/** Version 9 of it has the same file name as version 2 of `my-gem` for x86-darwin-9, so only one of the two may exist. */
export const RIVAL = `${GEM}-2-x86-darwin`;
/** its value is the sha256 of a build that is listed */
export const buildThing = (name: string, slug: string): string => `rubygems:${name}@${slug}`;

/** over what is kept in memory while it is received, so that it is staged in the store */
const LARGE = 300 * 1024;

const gems = new Map<string, IGem>();

/** @param filler other bytes for the same file name */
const made = (name: string, version: string, platform: string, filler: string): IGem => {
  const key = `${name} ${version} ${platform} ${filler}`;
  const files: Record<string, string | Buffer> = filler === 'large' ? { noise: noise('large', LARGE) } : { filler };
  const gem = gems.get(key) ?? gemOf(name, version, { platform, files });
  gems.set(key, gem);
  return gem;
};

interface IPush {
  name?: string;
  platform?: string;
  filler?: string;
  isAttested?: boolean;
}

const slugOf = (version: string, platform: string): string =>
  platform === 'ruby' ? version : `${version}-${platform}`;

const bodyOf = (
  { bytes, filename }: IGem,
  isAttested: boolean,
): { body: Uint8Array; headers: Record<string, string> } => {
  if (!isAttested) return { body: bytes, headers: { 'content-type': 'application/octet-stream' } };
  const form = multipart([
    { name: 'gem', value: bytes, filename },
    { name: 'attestations', value: JSON.stringify([bundleOf()]) },
  ]);
  return { body: form.bytes, headers: { 'content-type': form.contentType } };
};

const push = async (by: Replica, version: string, options: IPush = {}): Promise<number> => {
  const { name = GEM, platform = 'ruby', filler = 'one', isAttested = false } = options;
  const gem = made(name, version, platform, filler);
  const thing = buildThing(name, slugOf(version, platform));
  const sent = bodyOf(gem, isAttested);
  const since = by.world.history.now;
  const { status, text } = await by.send('POST', '/rubygems/api/v1/gems', sent, { [thing]: gem.sha256 });
  // "exists" is a promise as well, if it is not said of a yanked build, or of another gem
  if (status === 409 && !/yanked|another name/i.test(text)) by.world.history.observed({ [thing]: PRESENT }, since);
  return status;
};

const change = async (by: Replica, method: string, action: string, slug: string, value: string): Promise<number> => {
  const [version, platform] = slug.split(/-(.*)/) as [string, string?];
  const form = new URLSearchParams({ gem_name: GEM, version, ...(platform && { platform }) });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const sent = { body: `${form}`, headers };
  const effects = { [buildThing(GEM, slug)]: value };
  return (await by.send(method, `/rubygems/api/v1/gems/${action}`, sent, effects)).status;
};

const yank = (by: Replica, slug: string): Promise<number> => change(by, 'DELETE', 'yank', slug, ABSENT);

const unyank = (by: Replica, slug: string): Promise<number> => {
  const [version, platform = 'ruby'] = slug.split(/-(.*)/) as [string, string?];
  return change(by, 'PUT', 'unyank', slug, made(GEM, version, platform, 'one').sha256);
};

const two = async (by: Replica): Promise<void> => {
  await push(by, '1.0.0');
  await push(by, '2.0.0');
};

const writes = {
  'other version': (by: Replica) => push(by, '3.0.0'),
  'other gem': (by: Replica) => push(by, '1.0.0', { name: OTHER }),
};
const same = { 'same version': (by: Replica) => push(by, '9.0.0', { filler: 'other bytes' }) };
const yanked = { 'yank of another': (by: Replica) => yank(by, '1.0.0') };
const exists = { again: [409], refusals: [409] };
const missing = { again: [404, 409], refusals: [404, 409] };

const operations: Omit<IFaultOperation, 'protocol' | 'config'>[] = [
  {
    name: 'rubygems push, first version',
    prepare: async () => {},
    run: (by) => push(by, '9.0.0'),
    interfere: { ...writes, ...same },
    ...exists,
  },
  {
    name: 'rubygems push, next version',
    prepare: two,
    run: (by) => push(by, '9.0.0'),
    interfere: { ...writes, ...same, ...yanked },
    ...exists,
  },
  {
    name: 'rubygems push, large',
    prepare: two,
    run: (by) => push(by, '9.0.0', { filler: 'large' }),
    interfere: { 'other gem': writes['other gem'], ...same },
    ...exists,
  },
  {
    name: 'rubygems push, another platform',
    prepare: two,
    run: (by) => push(by, '2.0.0', { platform: 'java' }),
    interfere: { ...writes, 'yank of the version': (by) => yank(by, '2.0.0') },
    ...exists,
  },
  {
    name: 'rubygems push, attested',
    prepare: two,
    run: (by) => push(by, '9.0.0', { isAttested: true }),
    interfere: { 'other version': writes['other version'], ...same },
    ...exists,
  },
  {
    name: 'rubygems push, a file name of two gems',
    prepare: two,
    run: (by) => push(by, '2', { platform: 'x86-darwin-9' }),
    interfere: { rival: (by) => push(by, '9', { name: RIVAL }), 'other gem': writes['other gem'] },
    ...exists,
  },
  {
    // whatever became of the first push, the name is held for its gem
    name: 'rubygems push, a file name of two gems of which one exists',
    prepare: two,
    run: (by) => push(by, '2', { platform: 'x86-darwin-9' }),
    interfere: { 'other gem': writes['other gem'] },
  },
  {
    name: 'rubygems yank',
    prepare: two,
    run: (by) => yank(by, '2.0.0'),
    interfere: { ...writes, unyank: (by) => unyank(by, '2.0.0') },
    ...missing,
  },
  {
    name: 'rubygems yank of the last version',
    prepare: (by) => push(by, '2.0.0'),
    run: (by) => yank(by, '2.0.0'),
    interfere: writes,
    ...missing,
  },
  {
    name: 'rubygems unyank',
    prepare: async (by) => {
      await two(by);
      await yank(by, '2.0.0');
    },
    run: (by) => unyank(by, '2.0.0'),
    interfere: { ...writes, yank: (by) => yank(by, '2.0.0') },
    ...missing,
  },
];

/** Other protocols have cases of their own; without them a case takes half the time. */
const config = { npm: { enabled: false }, oci: { enabled: false }, rubygems: { enabled: true } };

export const rubygemsOperations: IFaultOperation[] = operations.map((operation) => ({
  ...operation,
  protocol: 'rubygems',
  config,
}));
