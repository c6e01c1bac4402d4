import { invalid } from '../../core/base/helpers.errors.js';
import { iterate } from '../../core/base/helpers.streams.js';
import type { IFormFile } from '../../core/pipeline/body/interfaces.form.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IArtifactPlan, ICommitPlan, IPlacedArtifact } from '../../core/storage/commit/interfaces.plans.js';
import { inspectDistribution } from '../helpers.distribution.js';
import { AttestationsMissing, addAttestations, addFile, fileOf, type TNewFile } from '../helpers.document.js';
import type { IPypiParts } from '../interfaces.parts.js';
import type { IInspectedFile, IPypiDocument, IPypiSideFile } from '../interfaces.pypi.js';
import * as keys from '../keys.pypi.js';
import { checkAttestations } from '../wire/wire.attestations.js';
import { type IFileName, parseFileName } from '../wire/wire.filenames.js';
import {
  assertAgreement,
  assertDigests,
  CONTENT,
  FORM_FIELDS,
  type IUploadForm,
  parseUploadForm,
  projectOfForm,
} from '../wire/wire.upload.js';

type TLateContent = Awaited<ReturnType<RegistryCall['stageLate']>>;

interface IReceived {
  file: IFileName;
  content: TLateContent;
  inspected: IInspectedFile;
}

type TUpload = IReceived & { form: IUploadForm };

/** Stages and checks the file while it streams in. What can be refused before its first byte is refused then. */
const receive = async (call: RegistryCall, { filename, stream, fields }: IFormFile): Promise<IReceived> => {
  // a form that an embedder has parsed has the name in a field of its own
  const name = filename ?? fields.get('filename');
  if (name === undefined || name === '') throw invalid('The file in the form has no file name');
  const file = parseFileName(name);
  const project = projectOfForm(fields);
  if (project !== undefined) await call.authorize(project);
  const { maxUnpackedSize } = call.limits;
  let inspected: IInspectedFile | undefined;
  const checked = inspectDistribution(file, iterate(stream), { maxUnpackedSize }, (found) => {
    inspected = found;
  });
  const about = project === undefined ? undefined : { key: keys.fileKey(project, name), packageName: project };
  const content = await call.stageLate(checked, {
    hashes: ['sha256', 'md5'],
    about: about && { ...about, contentType: keys.FILE_TYPE },
  });
  return { file, content, inspected: inspected as unknown as IInspectedFile };
};

const receiveForm = async (call: RegistryCall): Promise<TUpload> => {
  let received: IReceived | undefined;
  const fields = await call.body.form({
    fields: FORM_FIELDS,
    onFile: async (part) => {
      // older tools send a signature beside the file, which is of no use without a key
      if (part.field !== CONTENT) return;
      if (received) throw invalid('The form has two files');
      received = await receive(call, part);
    },
  });
  const form = parseUploadForm(fields);
  if (!received) throw invalid(`The form has no file in the field ${CONTENT}`);
  return { ...(received as IReceived), form };
};

const sideFile = ({ key, size, digests }: IPlacedArtifact): IPypiSideFile => ({
  key,
  size,
  sha256: digests.sha256 as string,
});

const newFileOf = (
  { file, inspected }: Pick<IReceived, 'file' | 'inspected'>,
  [content, metadata, attestations]: IPlacedArtifact[],
): TNewFile => {
  const { key, size, digests } = content as IPlacedArtifact;
  return {
    filename: file.filename,
    version: inspected.version,
    packagetype: file.packagetype,
    pythonVersion: file.pythonVersion,
    ...(inspected.requiresPython !== undefined && { requiresPython: inspected.requiresPython }),
    key,
    size,
    sha256: digests.sha256 as string,
    md5: digests.md5 as string,
    metadata: sideFile(metadata as IPlacedArtifact),
    ...(attestations && { attestations: sideFile(attestations) }),
  };
};

/** The attestations of an upload; undefined if it has none. */
const attestationsPlan = async (
  call: RegistryCall,
  { file: { filename }, content, form: { project, attestations } }: TUpload,
): Promise<IArtifactPlan | undefined> => {
  const checked = attestations && checkAttestations(attestations, content.digests.sha256 as string);
  if (checked === undefined) return undefined;
  const staged = await call.storage.stage(Buffer.from(checked), { hashes: ['sha256'] });
  return { staged, key: keys.attestationsKey(project, filename), contentType: keys.ATTESTATIONS_TYPE };
};

/** The artifacts in the order in which `newFileOf` takes them. */
const plansOf = async (call: RegistryCall, received: TUpload): Promise<IArtifactPlan[]> => {
  const { content, inspected } = received;
  const { filename } = received.file;
  const { project } = received.form;
  const metadata = await call.storage.stage(inspected.bytes, { hashes: ['sha256'] });
  const plans: IArtifactPlan[] = [
    { staged: content.stagedFor(project), key: keys.fileKey(project, filename), contentType: keys.FILE_TYPE },
    { staged: metadata, key: keys.metadataKey(project, filename), contentType: keys.METADATA_TYPE },
  ];
  const attestations = await attestationsPlan(call, received);
  return attestations ? [...plans, attestations] : plans;
};

/** Stores the attestations of an upload whose file is there without any. */
const commitAttestations = async (call: RegistryCall, pypi: IPypiParts, received: TUpload): Promise<void> => {
  const { project } = received.form;
  const { filename } = received.file;
  const file = { filename, sha256: received.content.digests.sha256 as string };
  await call.storage.commit<IPypiDocument>({
    packageName: project,
    version: received.inspected.version,
    place: [(await attestationsPlan(call, received)) as IArtifactPlan],
    document: {
      key: keys.documentKey(project),
      apply: (current, [placed], stamp) =>
        addAttestations(current, file, sideFile(placed as IPlacedArtifact), project, stamp),
    },
    catalog: pypi.catalog,
  });
};

/**
 * POST of a multipart form with one file: one request for each wheel and sdist of a release. The same file again is a
 * success, because uploaders repeat a request whose answer was lost; attestations that it lacked are added to it.
 * @see PyPI's documentation, "Upload API"
 */
export const upload = async (call: RegistryCall, pypi: IPypiParts): Promise<string> => {
  const received = await receiveForm(call);
  const { file, content, inspected, form } = received;
  const { project } = form;
  await call.authorize(project);
  assertDigests(form, content.digests);
  assertAgreement(form, file, inspected);
  const rules = { project, name: inspected.name, allowRepublish: pypi.config.allowRepublish ?? false };
  const plan: ICommitPlan<IPypiDocument> = {
    packageName: project,
    version: inspected.version,
    place: await plansOf(call, received),
    document: {
      key: keys.documentKey(project),
      apply: (current, placed, stamp) => addFile(current, newFileOf(received, placed), rules, stamp),
      applied: (current, { id }) => fileOf(current, file.filename)?.writeId === id,
    },
    catalog: pypi.catalog,
  };
  try {
    await call.storage.commit(plan);
  } catch (error) {
    if (!(error instanceof AttestationsMissing)) throw error;
    await commitAttestations(call, pypi, received);
  }
  return `${file.filename} is in the index\n`;
};
