import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';

/** Bundles of one gem; tools send one. */
const MAX_BUNDLES = 16;

const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.bundle/;

/** The public registry answers 422 to a bad bundle, and `gem push` prints the text. */
const bad = (message: string, cause?: unknown): RegistryError => new RegistryError('unprocessable', message, { cause });

/** The sha256 values of what a bundle is about; none if it does not say that in a form that is known. */
const subjectsOf = (bundle: Record<string, unknown>): string[] => {
  const { payload } = isRecord(bundle.dsseEnvelope) ? bundle.dsseEnvelope : {};
  if (typeof payload !== 'string') return [];
  let statement: unknown;
  try {
    statement = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
  } catch {
    return [];
  }
  const subjects = isRecord(statement) && Array.isArray(statement.subject) ? (statement.subject as unknown[]) : [];
  return subjects.flatMap((subject) => {
    const sha256 = isRecord(subject) && isRecord(subject.digest) ? subject.digest.sha256 : undefined;
    return typeof sha256 === 'string' ? [sha256.toLowerCase()] : [];
  });
};

/**
 * Checks the part `attestations` of a push: a JSON array of Sigstore bundles. Their signatures are not verified: for
 * that, a registry needs the keys of the signing services. Returns the text to store; undefined for an empty array.
 * @param sha256 of the gem, hex
 * @see https://docs.sigstore.dev/about/bundle/
 */
export const checkAttestations = (text: string, sha256: string): string | undefined => {
  let bundles: unknown;
  try {
    bundles = JSON.parse(text);
  } catch (cause) {
    throw bad('The attestations are not JSON', cause);
  }
  if (!Array.isArray(bundles)) throw bad('The attestations are not an array of Sigstore bundles');
  if (bundles.length > MAX_BUNDLES) throw bad(`A gem has at most ${MAX_BUNDLES} attestations`);
  for (const bundle of bundles as unknown[]) {
    if (!isRecord(bundle) || typeof bundle.mediaType !== 'string' || !MEDIA_TYPE.test(bundle.mediaType)) {
      throw bad('An attestation is not a Sigstore bundle: its mediaType is another one');
    }
    if (!isRecord(bundle.verificationMaterial)) throw bad('An attestation has no verificationMaterial');
    if (!isRecord(bundle.dsseEnvelope) && !isRecord(bundle.messageSignature)) {
      throw bad('An attestation has neither a dsseEnvelope nor a messageSignature');
    }
    const subjects = subjectsOf(bundle);
    if (subjects.length > 0 && !subjects.includes(sha256)) {
      throw bad('An attestation is about another file: its subject has another sha256 than the gem');
    }
  }
  return bundles.length === 0 ? undefined : text;
};
