import { invalid } from '../../core/base/helpers.errors.js';
import { iterate } from '../../core/base/helpers.streams.js';
import type { IFormFile } from '../../core/pipeline/body/interfaces.form.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { droppedKeys } from '../../core/storage/commit/helpers.dropped.js';
import type { IArtifactPlan, ICommitPlan, IPlacedArtifact } from '../../core/storage/commit/interfaces.plans.js';
import { addBuild, buildOf, namedKeys, type TNewBuild } from '../helpers.document.js';
import { holdingFileName } from '../helpers.filenames.js';
import { inspectGem } from '../helpers.gemfile.js';
import type { IGemParts } from '../interfaces.parts.js';
import type { IGemDocument, IGemSpec } from '../interfaces.rubygems.js';
import * as keys from '../keys.rubygems.js';
import { type IBuildSlug, slugOf } from '../wire/wire.addresses.js';
import { checkAttestations } from '../wire/wire.attestations.js';

/** The parts of a multipart push: `gem push --attestation FILE`. */
const GEM = 'gem';
const ATTESTATIONS = 'attestations';
/** for a form that an embedder has parsed, in which a file has no name of its own */
const FILENAME = 'filename';

type TLateContent = Awaited<ReturnType<RegistryCall['stageLate']>>;

interface IReceived {
  content: TLateContent;
  spec: IGemSpec;
  /** as the client calls the file, if it does */
  filename?: string | undefined;
  /** JSON text */
  attestations?: string | undefined;
}

/** Stages and checks the gem while it streams in. Its name is inside, so rights are checked afterwards. */
const receive = async (call: RegistryCall, content: AsyncIterable<Uint8Array>): Promise<IReceived> => {
  let spec: IGemSpec | undefined;
  const checked = inspectGem(content, call.limits, (found) => {
    spec = found;
  });
  const staged = await call.stageLate(checked, { hashes: ['sha256'] });
  return { content: staged, spec: spec as unknown as IGemSpec };
};

const receiveForm = async (call: RegistryCall): Promise<IReceived> => {
  let received: IReceived | undefined;
  const fields = await call.body.form({
    fields: [ATTESTATIONS, FILENAME],
    onFile: async ({ field, filename, stream, fields: before }: IFormFile) => {
      if (field !== GEM) return;
      if (received) throw invalid('The form has two gems');
      received = { ...(await receive(call, iterate(stream))), filename: filename ?? before.get(FILENAME) };
    },
  });
  if (!received) throw invalid(`The form has no file in the part ${GEM}`);
  return { ...(received as IReceived), attestations: fields.get(ATTESTATIONS) };
};

/** The gem is the whole body, or a part of a form. */
const receivePush = (call: RegistryCall): Promise<IReceived> => {
  const isForm = /^\s*multipart\/form-data/i.test(call.header('content-type') ?? '');
  if (isForm || call.body.parsed !== undefined) return receiveForm(call);
  if (!call.body.exists) throw invalid('The request has no body: a gem is expected');
  return receive(call, call.body.chunks({ limit: call.limits.maxArtifactSize }));
};

/** The artifacts in the order in which `newBuildOf` takes them. */
const plansOf = async (
  call: RegistryCall,
  { content, spec, attestations }: IReceived,
  slug: string,
): Promise<IArtifactPlan[]> => {
  const key = keys.gemKey(spec.name, slug);
  const plans: IArtifactPlan[] = [{ staged: content.stagedFor(spec.name), key, contentType: keys.GEM_TYPE }];
  const text = attestations && checkAttestations(attestations, content.digests.sha256 as string);
  if (text === undefined || text === '') return plans;
  const staged = await call.storage.stage(Buffer.from(text), { hashes: ['sha256'] });
  const beside = keys.attestationsKey(spec.name, slug);
  return [...plans, { staged, key: beside, contentType: keys.ATTESTATIONS_TYPE }];
};

const newBuildOf = (spec: IGemSpec, slug: IBuildSlug, [gem, beside]: IPlacedArtifact[]): TNewBuild => {
  const { key, size, digests } = gem as IPlacedArtifact;
  const attestations = beside && { key: beside.key, size: beside.size, sha256: beside.digests.sha256 as string };
  return { ...slug, spec, key, size, sha256: digests.sha256 as string, ...(attestations && { attestations }) };
};

/**
 * POST /api/v1/gems, with the gem as the whole body or in a form. The same gem again is a success, because clients repeat
 * a request whose answer was lost. `gem push` prints the answer.
 * @see the guides of RubyGems, "API"
 */
export const push = async (call: RegistryCall, gems: IGemParts): Promise<string> => {
  const received = await receivePush(call);
  const { spec, content, filename } = received;
  const { name } = spec;
  await call.authorize(name);
  const slug = slugOf(spec, content.digests.sha256 as string, filename);
  const rules = { allowRepublish: gems.config.allowRepublish ?? false };
  const plan: ICommitPlan<IGemDocument> = {
    packageName: name,
    version: slug.slug,
    place: await plansOf(call, received, slug.slug),
    document: {
      key: keys.documentKey(name),
      apply: (current, placed, stamp) => addBuild(current, newBuildOf(spec, slug, placed), rules, stamp),
      applied: (current, { id }) => buildOf(current, slug.slug)?.writeId === id,
    },
    // a yanked build that is replaced leaves its file
    drop: droppedKeys(namedKeys),
    catalog: gems.catalog,
  };
  await holdingFileName(call.storage, { name, slug: slug.slug }, () => call.storage.commit(plan));
  return `Successfully registered gem: ${name} (${slug.slug})\n`;
};
