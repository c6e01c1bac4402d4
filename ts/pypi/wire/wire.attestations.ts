import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';

/** Attestations of one file; tools send one or two. */
const MAX_ATTESTATIONS = 16;

/** characters; an attestation has some 10,000. Small values of 30 MB together take seconds to parse. */
const MAX_TEXT = 1_000_000;

/** The sha256 values of the files that an attestation is about. */
const subjectsOf = (attestation: unknown): unknown[] => {
  const envelope = isRecord(attestation) && isRecord(attestation.envelope) ? attestation.envelope : {};
  if (typeof envelope.statement !== 'string') throw invalid('An attestation has no statement');
  let statement: unknown;
  try {
    statement = JSON.parse(Buffer.from(envelope.statement, 'base64').toString('utf8'));
  } catch (cause) {
    throw invalid('The statement of an attestation is not JSON in base64', cause);
  }
  const subjects = isRecord(statement) && Array.isArray(statement.subject) ? (statement.subject as unknown[]) : [];
  return subjects.map((subject) => isRecord(subject) && isRecord(subject.digest) && subject.digest.sha256);
};

/**
 * Checks the form field `attestations` (PEP 740): a JSON array of attestation objects about this file. Signatures are
 * not verified: for that, an index needs the keys of the signing services. Returns the text to store; undefined for an
 * empty array.
 * @param sha256 of the file, hex
 * @see https://packaging.python.org/en/latest/specifications/index-hosted-attestations/
 */
export const checkAttestations = (text: string, sha256: string): string | undefined => {
  if (text.length > MAX_TEXT) throw invalid(`The field attestations has more than ${MAX_TEXT} characters`);
  let attestations: unknown;
  try {
    attestations = JSON.parse(text);
  } catch (cause) {
    throw invalid('The field attestations is not JSON', cause);
  }
  if (!Array.isArray(attestations)) throw invalid('The field attestations is not an array');
  if (attestations.length > MAX_ATTESTATIONS) throw invalid(`A file has at most ${MAX_ATTESTATIONS} attestations`);
  for (const attestation of attestations as unknown[]) {
    if (!isRecord(attestation) || attestation.version !== 1 || !isRecord(attestation.verification_material)) {
      throw invalid('An attestation is not an object of version 1 with verification_material');
    }
    const subjects = subjectsOf(attestation);
    if (subjects.length !== 1 || subjects[0] !== sha256) {
      throw invalid('An attestation is about another file: its subject has another sha256');
    }
  }
  return attestations.length === 0 ? undefined : text;
};

/**
 * The provenance object of a file. `publisher.kind` says that nothing was verified: a verifier that trusts kinds it
 * knows does not trust this one.
 * @param attestations the stored text
 */
export const renderProvenance = (attestations: string): string =>
  // the text is put in as it is: `JSON.stringify` overflows the stack with objects nested thousands of levels deep
  `{"version":1,"attestation_bundles":[{"publisher":{"kind":"unverified","claims":null},"attestations":${attestations}}]}`;
